create table locations (
  id   text primary key check (id ~ '^[a-z0-9-]{1,40}$'),
  name text not null
);
insert into locations values ('default', 'Main warehouse');

-- What is where. Every level is the sum of its movements. No index on a quantity: each sale changes them,
-- and without one the change stays in its page (heap-only tuple).
create table stock_levels (
  sku                 text not null references products (sku),
  location            text not null default 'default' references locations,
  on_hand             integer not null default 0,
  reserved            integer not null default 0,
  available           integer generated always as (on_hand - reserved) stored,
  low_stock_threshold integer check (low_stock_threshold >= 0),
  version             integer not null default 0 check (version >= 0),
  updated_at          timestamptz not null default now(),
  primary key (sku, location),
  constraint stock_levels_on_hand_check check (on_hand >= 0),
  constraint stock_levels_reserved_check check (reserved >= 0),
  -- Never oversold, whatever any process does.
  constraint stock_levels_available_check check (on_hand >= reserved)
) with (fillfactor = 60);

-- A product has its level from the start, so that placing an order only ever updates.
create function stock_level_for_product() returns trigger language plpgsql as $$
begin
  insert into stock_levels (sku) values (new.sku);
  return null;
end $$;
create trigger products_stock_level after insert on products
  for each row execute function stock_level_for_product();

create table stock_movements (
  sku            text not null,
  location       text not null,
  kind           text not null,
  on_hand_delta  integer not null,
  reserved_delta integer not null,
  -- The version of the level that this movement made.
  version        integer not null check (version > 0),
  order_id       uuid,
  reason         text check (length(reason) <= 500),
  -- The warehouse's own document (goods receipt, stock count): applied once per SKU and location.
  reference      text check (length(reference) between 1 and 100),
  actor          text not null,
  request_id     text,
  created_at     timestamptz not null default now(),
  primary key (sku, location, version),
  constraint stock_movements_kind_check check (case kind
    when 'receipt'     then on_hand_delta > 0 and reserved_delta = 0
    when 'adjustment'  then on_hand_delta <> 0 and reserved_delta = 0
    when 'return'      then on_hand_delta > 0 and reserved_delta = 0
    when 'reservation' then on_hand_delta = 0 and reserved_delta > 0
    when 'release'     then on_hand_delta = 0 and reserved_delta < 0
    when 'shipment'    then on_hand_delta < 0 and reserved_delta = on_hand_delta
    else false end),
  foreign key (sku, location) references stock_levels (sku, location)
);
create unique index stock_movements_reference_key on stock_movements (sku, location, reference)
  where reference is not null;
