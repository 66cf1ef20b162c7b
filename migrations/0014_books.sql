-- The books: what an order's money did. A row is one transaction of double-entry bookkeeping with all of its entries side
-- by side, a column for each account: debits are positive, credits negative, and a CHECK holds that they sum to zero. So
-- no transaction can be out of balance, not even before its commit, and none needs a deferred constraint to find out.
create table ledger (
  id               bigint generated always as identity primary key,
  order_id         uuid not null,
  kind             text not null,
  currency         text not null check (currency ~ '^[A-Z]{3}$'),
  -- What the customer owes: debited by the sale, credited by what is paid.
  receivable       bigint not null default 0,
  -- What payment providers (or, for what staff recorded, the bank) hold for us.
  cash_at_provider bigint not null default 0,
  revenue          bigint not null default 0,
  shipping         bigint not null default 0,
  tax              bigint not null default 0,
  duty             bigint not null default 0,
  -- What was given back of revenue; tax, duty and shipping are given back on their own accounts.
  refunds          bigint not null default 0,
  store_credit     bigint not null default 0,
  payment_id       uuid,
  capture_id       uuid,
  refund_id        uuid,
  reason           text check (length(reason) <= 500),
  actor            text not null,
  request_id       text,
  occurred_at      timestamptz not null,
  constraint ledger_balances check (
    receivable + cash_at_provider + revenue + shipping + tax + duty + refunds + store_credit = 0),
  constraint ledger_kind_check check (case kind
    when 'sale'         then receivable >= 0 and revenue <= 0 and shipping <= 0 and tax <= 0 and duty <= 0
                             and cash_at_provider = 0 and refunds = 0
    -- Of an order that was cancelled or expired: the sale, taken back.
    when 'cancellation' then receivable <= 0 and revenue >= 0 and shipping >= 0 and tax >= 0 and duty >= 0
                             and cash_at_provider = 0 and refunds = 0
    when 'capture'      then cash_at_provider > 0 and receivable = -cash_at_provider
    when 'refund'       then cash_at_provider < 0 and receivable >= 0 and revenue = 0 and refunds >= 0
                             and shipping >= 0 and tax >= 0 and duty >= 0
    else false end)
);
create index ledger_order on ledger (order_id, id);
create unique index ledger_cancellation_key on ledger (order_id) where kind = 'cancellation';
create unique index ledger_capture_key on ledger (capture_id) where capture_id is not null;
create unique index ledger_refund_key on ledger (refund_id) where refund_id is not null;
create index ledger_time on ledger using brin (occurred_at);
create trigger ledger_append_only before update or delete on ledger for each statement execute function refuse_change();
create trigger orders_stay before delete on orders for each row execute function refuse_deletion();

-- An order's total, by its parts; and where its money and its goods stand, which follows from ledger and shipments
-- (src/orders/state.ts) and is checked against them by `deno task verify`.
alter table orders
  add column quote_id          uuid,
  add column incoterm          text check (incoterm in ('DAP', 'DDP')),
  add column shipping_option   text,
  add column shipping_total    bigint not null default 0 check (shipping_total >= 0),
  add column duty_total        bigint not null default 0 check (duty_total >= 0),
  add column tax_total         bigint not null default 0 check (tax_total >= 0),
  add column amount_authorised bigint not null default 0 check (amount_authorised >= 0),
  add column amount_paid       bigint not null default 0 check (amount_paid >= 0),
  add column amount_refunded   bigint not null default 0,
  -- What is still to be paid; negative: what is owed to the customer.
  add column amount_due        bigint not null default 0,
  add column units             integer not null default 0 check (units >= 0),
  add column units_shipped     integer not null default 0,
  add column units_delivered   integer not null default 0,
  add column units_returned    integer not null default 0,
  drop constraint orders_check,
  add constraint orders_total_check check (total_price = subtotal + shipping_total + duty_total + tax_total),
  add constraint orders_refunded_check check (amount_refunded between 0 and amount_paid),
  add constraint orders_moved_check check (units_returned between 0 and units_shipped and units_shipped <= units
    and units_delivered between 0 and units_shipped),
  drop constraint orders_payment_status_check,
  add constraint orders_payment_status_check check (payment_status in
    ('UNPAID', 'AUTHORISED', 'PARTIALLY_PAID', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED')),
  drop constraint orders_fulfilment_status_check,
  add constraint orders_fulfilment_status_check check (fulfilment_status in
    ('UNFULFILLED', 'PARTIALLY_SHIPPED', 'SHIPPED', 'DELIVERED', 'PARTIALLY_RETURNED', 'RETURNED'));
create unique index orders_quote_key on orders (quote_id) where quote_id is not null;

alter table order_items
  add column hs_code           text,
  add column country_of_origin text,
  add column weight_grams      integer,
  -- The line's share of the order's shipping, and what was collected for it. The line's total is of the goods alone.
  add column shipping_amount   bigint not null default 0 check (shipping_amount >= 0),
  add column duty_amount       bigint not null default 0 check (duty_amount >= 0),
  add column tax_amount        bigint not null default 0 check (tax_amount >= 0),
  add column shipped           integer not null default 0,
  add column returned          integer not null default 0,
  add constraint order_items_shipped_check check (shipped between 0 and quantity),
  add constraint order_items_returned_check check (returned between 0 and shipped);

create table shipments (
  id              uuid primary key,
  order_id        uuid not null references orders,
  status          text not null default 'shipped' check (status in ('shipped', 'delivered')),
  carrier         text check (length(carrier) between 1 and 100),
  tracking_number text check (length(tracking_number) between 1 and 100),
  tracking_url    text check (length(tracking_url) between 1 and 1000),
  weight_grams    integer check (weight_grams > 0),
  actor           text not null,
  version         integer not null default 1 check (version > 0),
  shipped_at      timestamptz not null,
  delivered_at    timestamptz,
  updated_at      timestamptz not null,
  check ((status = 'delivered') = (delivered_at is not null))
);
create index shipments_order on shipments (order_id, id);
create table shipment_items (
  shipment_id uuid not null references shipments,
  line        smallint not null,
  quantity    integer not null check (quantity > 0),
  primary key (shipment_id, line)
);

-- A hold that a quote has on stock goes over to its order as it is: movements of an order are those with its own id and
-- those of its quote.
alter table stock_movements add column quote_id uuid;
create index stock_movements_quote on stock_movements (quote_id) where quote_id is not null;

-- Orders from before there were books: what must have happened, by their statuses.
update order_items i set shipped = quantity from orders o
  where o.id = i.order_id and o.fulfilment_status in ('SHIPPED', 'DELIVERED');
update orders o set
  units = i.units,
  units_shipped = case when fulfilment_status in ('SHIPPED', 'DELIVERED') then i.units else 0 end,
  units_delivered = case when fulfilment_status = 'DELIVERED' then i.units else 0 end,
  amount_paid = case when payment_status <> 'UNPAID' then total_price else 0 end,
  amount_refunded = case when payment_status = 'REFUNDED' then total_price else 0 end,
  amount_due = case
    when status in ('CANCELLED', 'EXPIRED') then case when payment_status = 'PAID' then -total_price else 0 end
    when payment_status = 'UNPAID' then total_price else 0 end
from (select order_id, sum(quantity)::int as units from order_items group by order_id) i where i.order_id = o.id;
insert into shipments (id, order_id, status, actor, shipped_at, delivered_at, updated_at)
  select id, id, case fulfilment_status when 'DELIVERED' then 'delivered' else 'shipped' end, 'system:migration', updated_at,
         case fulfilment_status when 'DELIVERED' then updated_at end, updated_at
  from orders where fulfilment_status in ('SHIPPED', 'DELIVERED');
insert into shipment_items (shipment_id, line, quantity)
  select o.id, i.line, i.quantity from orders o join order_items i on i.order_id = o.id
  where o.fulfilment_status in ('SHIPPED', 'DELIVERED');
insert into ledger (order_id, kind, currency, receivable, revenue, actor, occurred_at)
  select id, 'sale', currency, total_price, -total_price, placed_by, created_at from orders order by id;
insert into ledger (order_id, kind, currency, receivable, revenue, reason, actor, occurred_at)
  select id, 'cancellation', currency, -total_price, total_price, cancel_reason, 'system:migration', updated_at
  from orders where status in ('CANCELLED', 'EXPIRED');
insert into ledger (order_id, kind, currency, cash_at_provider, receivable, actor, occurred_at)
  select id, 'capture', currency, total_price, -total_price, 'system:migration', updated_at
  from orders where payment_status <> 'UNPAID' and total_price > 0;
insert into ledger (order_id, kind, currency, cash_at_provider, refunds, actor, occurred_at)
  select id, 'refund', currency, -total_price, total_price, 'system:migration', updated_at
  from orders where payment_status = 'REFUNDED' and total_price > 0;
