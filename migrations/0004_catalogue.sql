create table products (
  id                uuid primary key,
  -- Never changes: stock, orders and other people's systems hold on to it.
  sku               text not null unique check (sku ~ '^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$'),
  name              text not null check (length(name) between 1 and 300),
  description       text not null default '' check (length(description) <= 20000),
  category          text check (length(category) between 1 and 100),
  weight_grams      integer check (weight_grams >= 0),
  -- Harmonized System: six digits the world shares, up to four more of the importing country.
  hs_code           text check (hs_code ~ '^[0-9]{6}([0-9]{2}([0-9]{2})?)?$'),
  country_of_origin text check (country_of_origin ~ '^[A-Z]{2}$'),
  status            text not null default 'active' check (status in ('draft', 'active', 'archived')),
  attributes        jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
  version           integer not null default 1 check (version > 0),
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  -- 'simple' does not stem: shops sell in many languages, and "mugs" must not turn into another word's root.
  search            tsvector generated always as (
    setweight(to_tsvector('simple', sku), 'A') || setweight(to_tsvector('simple', name), 'A') ||
    setweight(to_tsvector('simple', coalesce(category, '')), 'B') ||
    setweight(to_tsvector('simple', description), 'C')) stored
);
-- MUG and mug side by side would be a mix-up waiting to happen.
create unique index products_sku_case_key on products (lower(sku));
create index products_search on products using gin (search);
create index products_status_id on products (status, id desc);
create index products_category_id on products (category, id desc);
create index products_country_id on products (country_of_origin, id desc);
-- For prefixes (`like '6912%'`), whatever the database's collation.
create index products_hs_code on products (hs_code text_pattern_ops);
create index products_name_id on products (lower(name), id);
create index products_updated_id on products (updated_at, id);

create table product_prices (
  product_id uuid not null references products on delete cascade,
  currency   text not null check (currency ~ '^[A-Z]{3}$'),
  amount     bigint not null check (amount between 0 and 9007199254740991),
  primary key (product_id, currency)
);
create index product_prices_currency_amount on product_prices (currency, amount, product_id);
