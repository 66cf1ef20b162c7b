-- Coupons: what a code takes off, of what, for whom, and how often. `redeemed` counts what open quotes and orders hold of it;
-- its CHECK is why two who come for the last one at once do not both get it.
create table promotions (
  id                            uuid primary key,
  -- Upper case: codes are the same whatever their case.
  code                          text not null constraint promotions_code_key unique check (code = upper(code)),
  name                          text not null,
  percent_off                   numeric(5, 2) check (percent_off > 0 and percent_off <= 100),
  -- [{"currency", "amount"}]: in these currencies alone.
  amount_off                    jsonb,
  minimum_subtotal              jsonb,
  -- Either both empty, for all goods, or what is named by one or the other.
  skus                          text[] not null default '{}',
  categories                    text[] not null default '{}',
  starts_at                     timestamptz not null,
  ends_at                       timestamptz,
  max_redemptions               integer,
  max_per_customer              integer check (max_per_customer > 0),
  active                        boolean not null,
  redeemed                      integer not null default 0,
  version                       integer not null,
  created_at                    timestamptz not null,
  updated_at                    timestamptz not null,
  check ((percent_off is null) <> (amount_off is null)),
  check (ends_at > starts_at),
  constraint promotions_redeemed_check check (redeemed >= 0 and redeemed <= max_redemptions)
);

-- The same count for each customer. Whoever writes here holds the promotion's row.
create table promotion_customers (
  promotion_id  uuid not null references promotions,
  user_id       uuid not null references users,
  redeemed      integer not null check (redeemed >= 0),
  primary key (promotion_id, user_id)
);

-- One row for each use: held by a quote, then the order's that took the quote at its word; or an order's from the start.
-- Released when the quote ends unused, or its order is cancelled or expires.
create table promotion_redemptions (
  id            bigint generated always as identity primary key,
  promotion_id  uuid not null references promotions,
  user_id       uuid not null references users,
  quote_id      uuid constraint promotion_redemptions_quote_key unique,
  order_id      uuid constraint promotion_redemptions_order_key unique,
  currency      text not null,
  amount        bigint not null check (amount >= 0),
  created_at    timestamptz not null,
  released_at   timestamptz,
  check (quote_id is not null or order_id is not null)
);
create index promotion_redemptions_promotion on promotion_redemptions (promotion_id, id desc);

-- A line's total is what its goods cost after its share of the discount; a process of the release before gives none.
alter table orders
  add column coupon_code text,
  add column discount_total bigint not null default 0,
  add constraint orders_discount_total_check check (discount_total >= 0) not valid;
alter table order_items
  add column discount_amount bigint not null default 0,
  drop constraint order_items_check,
  add constraint order_items_discount_amount_check check (discount_amount >= 0) not valid,
  add constraint order_items_total_check check (line_total >= 0 and line_total = unit_price * quantity - discount_amount)
    not valid;
