-- Units that were refunded before they left: they are not sent any more. An order's `units` are what is still wanted of it,
-- the sum of its lines' quantities without them.
alter table order_items
  add column cancelled integer not null default 0,
  add constraint order_items_cancelled_check check (cancelled between 0 and quantity and shipped + cancelled <= quantity)
    not valid;
