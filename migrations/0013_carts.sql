-- A cart is one row: whoever changes it holds it, and its version is its ETag.
create table carts (
  id          uuid primary key,
  -- Null: a guest's, who shows the token instead.
  user_id     uuid references users,
  -- SHA-256 of the guest's token; gone once the cart is a user's.
  token_hash  bytea,
  status      text not null default 'open' check (status in ('open', 'checked_out', 'merged', 'expired')),
  currency    text not null check (currency ~ '^[A-Z]{3}$'),
  destination text check (destination ~ '^[A-Z]{2}$'),
  -- [{ "sku", "quantity", "added_price" }, …], each SKU once, in the order in which they were added. The price is the
  -- list price in the cart's currency when the line was last changed, or null: a later one is a "problem", no surprise.
  items       jsonb not null default '[]' check (jsonb_typeof(items) = 'array' and jsonb_array_length(items) <= 1000),
  note        text check (length(note) <= 2000),
  coupon_code text check (length(coupon_code) between 1 and 100),
  metadata    jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  -- The order it became, or the cart it was merged into.
  order_id    uuid,
  merged_into uuid references carts,
  version     integer not null default 1 check (version > 0),
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  expires_at  timestamptz not null,
  constraint carts_owner_check check ((user_id is null) = (token_hash is not null)),
  check ((status = 'checked_out') = (order_id is not null)),
  check ((status = 'merged') = (merged_into is not null))
);
create index carts_user on carts (user_id, id desc) where user_id is not null;
-- Only the query that says the same of expires_at may use it: a lookup of one open cart must not walk along all of them.
create index carts_due on carts (expires_at) where status = 'open' and expires_at > '-infinity';
create index carts_over_id on carts (status, id desc) where status <> 'open';
