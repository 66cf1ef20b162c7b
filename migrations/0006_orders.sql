-- Taken only once nothing can refuse the order any more, so refusals burn no number.
create sequence order_numbers start 100001;

create table orders (
  -- UUIDv7: ids sort by the time of creation, which makes "newest first" the order of every index below.
  id                 uuid primary key,
  number             text not null unique,
  user_id            uuid not null references users,
  status             text not null default 'PENDING' check (status in
    ('PENDING', 'PAID', 'PROCESSING', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'EXPIRED', 'REFUNDED')),
  payment_status     text not null default 'UNPAID' check (payment_status in ('UNPAID', 'PAID', 'REFUNDED')),
  fulfilment_status  text not null default 'UNFULFILLED' check (fulfilment_status in
    ('UNFULFILLED', 'SHIPPED', 'DELIVERED')),
  currency           text not null check (currency ~ '^[A-Z]{3}$'),
  subtotal           bigint not null check (subtotal between 0 and 9007199254740991),
  total_price        bigint not null check (total_price between 0 and 9007199254740991),
  ship_to            jsonb not null,
  note               text check (length(note) <= 2000),
  metadata           jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  -- The order's name in the system it came from; an import played twice finds it here.
  external_reference text check (length(external_reference) between 1 and 100),
  placed_by          text not null,
  placed_at          timestamptz not null,
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  expires_at         timestamptz,
  cancelled_at       timestamptz,
  cancel_reason      text check (length(cancel_reason) <= 500),
  version            integer not null default 1 check (version > 0),
  check (total_price = subtotal),
  check ((status = 'CANCELLED') <= (cancelled_at is not null))
);
create unique index orders_external_reference_key on orders (external_reference)
  where external_reference is not null;
create index orders_user_id on orders (user_id, id desc);
create index orders_status_id on orders (status, id desc);
create index orders_payment_status_id on orders (payment_status, id desc);
create index orders_fulfilment_status_id on orders (fulfilment_status, id desc);
create index orders_placed_at_id on orders (placed_at desc, id desc);
create index orders_due on orders (expires_at) where status = 'PENDING';

-- References are claimed here before the number is drawn, as stock is, so that orders which race for one reference
-- burn no number: a row of `orders` has its number before its own unique index is asked.
create table order_references (
  external_reference text constraint order_references_key primary key,
  order_id           uuid not null references orders
);

create table order_items (
  order_id   uuid not null references orders,
  line       smallint not null check (line > 0),
  product_id uuid not null references products,
  sku        text not null,
  name       text not null,
  quantity   integer not null check (quantity > 0),
  -- As charged, and as the price list said at that moment; they differ only where staff overrode it.
  unit_price bigint not null check (unit_price >= 0),
  list_price bigint check (list_price >= 0),
  line_total bigint not null,
  primary key (order_id, line),
  check (line_total = unit_price * quantity)
);
create index order_items_sku_order on order_items (sku, order_id desc);
