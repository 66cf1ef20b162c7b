-- One offer that binds: lines, prices, exchange rate, shipping, duty, tax and stock, until it expires.
create table quotes (
  id           uuid primary key,
  cart_id      uuid not null,
  -- What the cart was when it was quoted: a cart that changed needs a new quote.
  cart_version integer not null,
  user_id      uuid not null,
  -- superseded: another quote of the same cart took its place, and its stock.
  status       text not null default 'open' check (status in ('open', 'used', 'expired', 'superseded')),
  -- The quote as it was answered (QuoteSchema), with its lines and its explanation.
  data         jsonb not null,
  order_id     uuid,
  created_at   timestamptz not null,
  expires_at   timestamptz not null,
  check ((status = 'used') = (order_id is not null))
);
-- A cart has one offer at a time.
create unique index quotes_open_key on quotes (cart_id) where status = 'open';
-- Only the query that says the same of expires_at may use it: a lookup of one open quote must not walk along all of them.
create index quotes_due on quotes (expires_at) where status = 'open' and expires_at > '-infinity';

-- An order, a quote and the events of both are some 2 to 6 KB of JSON. Above 2 KB PostgreSQL would compress each, which
-- costs more than all else of the row; up to 8 KB they stay as they are.
alter table events set (toast_tuple_target = 8160);
alter table quotes set (toast_tuple_target = 8160);
alter table idempotency_keys set (toast_tuple_target = 8160);
