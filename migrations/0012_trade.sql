-- What crossing a border costs, and what may not cross it. All of it is data that staff replace; src/trade decides by it.

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed or deleted: write a new one', tg_table_name
    using errcode = 'restrict_violation';
end $$;

-- Reference rates: units of the currency for one euro, as the European Central Bank publishes them. A correction is a
-- later row for the same day. "Latest on or before" is the first of the index.
create table exchange_rates (
  id          bigint generated always as identity primary key,
  currency    text not null check (currency ~ '^[A-Z]{3}$' and currency <> 'EUR'),
  as_of       date not null,
  rate        numeric(20, 8) not null check (rate > 0),
  source      text not null check (length(source) between 1 and 200),
  actor       text not null,
  recorded_at timestamptz not null
);
create index exchange_rates_latest on exchange_rates (currency, as_of desc, id desc);
create trigger exchange_rates_append_only before update or delete on exchange_rates
  for each statement execute function refuse_change();

-- The law of a destination from a day on: customs territory, thresholds, taxes, restrictions, papers. Of several that are
-- in force the one with the latest day counts, and of several for one day the last that was written.
create table trade_schedules (
  id             uuid primary key,
  destination    text not null check (destination ~ '^[A-Z]{2}$'),
  effective_from date not null,
  -- TradeRules in src/trade/schedule.ts: all but the duty rates.
  rules          jsonb not null check (jsonb_typeof(rules) = 'object'),
  source         text not null check (length(source) between 1 and 1000),
  actor          text not null,
  created_at     timestamptz not null
);
create index trade_schedules_in_force on trade_schedules (destination, effective_from desc, id desc);
create trigger trade_schedules_append_only before update or delete on trade_schedules
  for each statement execute function refuse_change();

-- Duty by HS prefix and origin; of those that fit, the longest prefix counts, and one for the origin before one for all.
create table duty_rates (
  schedule_id uuid not null references trade_schedules,
  -- Empty: all goods.
  hs_prefix   text not null check (hs_prefix ~ '^([0-9]{2,10})?$'),
  origin      text check (origin ~ '^[A-Z]{2}$'),
  -- A fraction of the customs value: 0.12 is 12 %.
  ad_valorem  numeric(9, 6) not null default 0 check (ad_valorem >= 0),
  -- Minor units of the schedule's currency for each kilogram of net weight.
  per_kg      bigint not null default 0 check (per_kg >= 0),
  note        text check (length(note) <= 500),
  constraint duty_rates_key unique nulls not distinct (schedule_id, hs_prefix, origin)
);
create trigger duty_rates_append_only before update or delete on duty_rates
  for each statement execute function refuse_change();

-- A product's HS code where a destination classifies it otherwise, or in more digits.
create table hs_code_overrides (
  product_id  uuid not null references products,
  destination text not null check (destination ~ '^[A-Z]{2}$'),
  hs_code     text not null check (hs_code ~ '^[0-9]{6}([0-9]{2}([0-9]{2})?)?$'),
  updated_at  timestamptz not null,
  primary key (product_id, destination)
);
create index hs_code_overrides_destination on hs_code_overrides (destination, product_id);

create table shipping_options (
  code       text primary key check (code ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  name       text not null check (length(name) between 1 and 200),
  carrier    text check (length(carrier) between 1 and 100),
  -- The zone: where it delivers to.
  countries  text[] not null check (cardinality(countries) > 0),
  currency   text not null check (currency ~ '^[A-Z]{3}$'),
  -- [{ "up_to_grams": 1000, "price": 590 }, …] in the order of weight; heavier than the last: not offered.
  bands      jsonb not null check (jsonb_typeof(bands) = 'array' and jsonb_array_length(bands) > 0),
  -- Days on the way, for people.
  min_days   smallint check (min_days >= 0),
  max_days   smallint check (max_days >= min_days),
  active     boolean not null default true,
  version    integer not null default 1 check (version > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index shipping_options_countries on shipping_options using gin (countries) where active;
