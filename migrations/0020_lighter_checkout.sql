-- Fewer bytes written twice for each checkout.

-- What a quote says stands in its quote.created event, whole: a copy beside the status was rewritten with it.
update events e set data = q.data from quotes q
  where e.aggregate_type = 'quote' and e.aggregate_id = q.id::text and e.sequence = 1;
alter table quotes drop column data;
alter table quotes reset (toast_tuple_target);

-- orders_stay keeps each order that something refers to, and what refers to it is written in the statement that makes it.
alter table order_items drop constraint order_items_order_id_fkey;
alter table payments drop constraint payments_order_id_fkey;

-- A capture books its payment's id; its own was never written.
alter table ledger drop column capture_id;
