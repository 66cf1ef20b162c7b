import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { dayOf } from "./day.ts";
import type { DutyRate, Schedule, TradeFacts, TradeRules } from "./facts.ts";
import type { HsCodeOverride } from "./override_hs_code.ts";
import type { ScheduleSummary, WholeSchedule } from "./schedule.ts";
import type { ShippingOffer, StoredShippingOption } from "./shipping_options/shipping_option.ts";

/**
 * All that trade knows about sending these goods to a destination on a day, in one round trip. Rates: of the
 * currencies asked for, and those of the schedule and the shipping options.
 */
export async function findTradeFacts(
  sql: Sql | Tx,
  ask: {
    destination: string;
    on: Date;
    currencies: string[];
    products: { id: string; hs_code: string | null }[];
  },
): Promise<TradeFacts> {
  const { destination, currencies } = ask;
  const day = dayOf(ask.on);
  const goods = sql.json(ask.products.map(({ id, hs_code }) => ({ id, hs_code })));
  const [facts] = await sql<(TradeFacts & { schedule: Schedule | null })[]>`
    with schedule as materialized (
      select s.* from trade_schedules s
      where s.destination = ${destination} and s.effective_from <= ${day}::text::date
      order by s.effective_from desc, s.id desc limit 1
    ), goods as materialized (
      select g.id, coalesce(o.hs_code, g.hs_code) as hs_code, o.hs_code as override
      from jsonb_to_recordset(${goods}) as g (id uuid, hs_code text)
      left join lateral (
        select o.hs_code from hs_code_overrides o where o.product_id = g.id and o.destination = ${destination} limit 1
      ) o on true
    ), options as materialized (
      select * from shipping_options where active and countries @> array[${destination}]::text[]
    ), wanted as (
      select unnest(${currencies}::text[]) as currency
      union select rules ->> 'currency' from schedule
      union select currency from options
    )
    select
      (select json_build_object(
         'id', s.id, 'destination', s.destination, 'effective_from', s.effective_from, 'source', s.source,
         'rules', s.rules,
         'duty_rates', ${
    dutyRates(
      sql,
      sql`d.hs_prefix = any(array(
            select '' union
            select left(g.hs_code, n) from goods g, generate_series(2, 10) n where g.hs_code is not null))`,
    )
  }) from schedule s) as schedule,
      (select coalesce(json_agg(json_build_object(
         'currency', r.currency, 'rate', trim_scale(r.rate)::text, 'as_of', r.as_of, 'source', r.source
       ) order by r.currency), '[]')
       from wanted w cross join lateral (
         select * from exchange_rates r
         where r.currency = w.currency and r.as_of <= ${day}::text::date
         order by r.as_of desc, r.id desc limit 1
       ) r) as rates,
      (select coalesce(json_object_agg(id, override), '{}') from goods where override is not null) as "hsCodes",
      (select coalesce(json_agg(json_build_object(
         'code', o.code, 'name', o.name, 'carrier', o.carrier, 'countries', o.countries, 'currency', o.currency,
         'bands', o.bands, 'free_from', o.free_from, 'min_days', o.min_days, 'max_days', o.max_days
       ) order by o.code), '[]') from options o) as "shippingOptions"`;
  const { schedule, ...known } = facts!;
  return { ...known, schedule: schedule ? { ...schedule, rules: wholeRules(schedule.rules) } : undefined };
}

/** The columns of {@link ProductFacts}; its product is called `p`, and its stock level `s`. */
export const productFacts = (sql: Sql | Tx): Fragment =>
  sql`
    p.id, p.sku, p.name, p.status, p.category, p.hs_code, p.country_of_origin, p.weight_grams, s.available,
    (select coalesce(json_object_agg(currency, amount), '{}') from product_prices where product_id = p.id) as prices`;

/** The duty rates of the schedule `s` for which a condition on `d` holds, as JSON. */
function dutyRates(sql: Sql | Tx, condition: Fragment): Fragment {
  return sql`(
    select coalesce(json_agg(json_build_object(
      'hs_prefix', d.hs_prefix, 'origin', d.origin, 'ad_valorem', trim_scale(d.ad_valorem)::text, 'per_kg', d.per_kg,
      'note', d.note
    ) order by d.hs_prefix, d.origin nulls first), '[]')
    from duty_rates d where d.schedule_id = s.id and ${condition})`;
}

/** The id of what counts for this very day of what was written so far. */
export async function findLatestSchedule(
  tx: Tx,
  { destination, effective_from }: Pick<ScheduleSummary, "destination" | "effective_from">,
): Promise<string | undefined> {
  const [row] = await tx<{ id: string }[]>`
    select id from trade_schedules
    where destination = ${destination} and effective_from = ${effective_from}::text::date order by id desc limit 1`;
  return row?.id;
}

/** Writes a schedule with its duty rates in one statement. */
export async function insertSchedule(
  tx: Tx,
  ctx: Ctx,
  schedule: ScheduleSummary,
  rates: DutyRate[],
): Promise<void> {
  const { id, destination, effective_from, source, created_at, duty_rate_count: _, ...rules } = schedule;
  await tx`
    with schedule as (
      insert into trade_schedules (id, destination, effective_from, rules, source, actor, created_at)
      values (${id}, ${destination}, ${effective_from}::text::date, ${tx.json(rules)}, ${source},
              ${actorName(ctx.actor)}, ${created_at})
    )
    insert into duty_rates (schedule_id, hs_prefix, origin, ad_valorem, per_kg, note)
    select ${id}::uuid, d.hs_prefix, d.origin, d.ad_valorem, d.per_kg, d.note
    from jsonb_to_recordset(${tx.json(rates as never)}) as d (
      hs_prefix text, origin text, ad_valorem numeric, per_kg bigint, note text)`;
}

type ScheduleRow = Omit<ScheduleSummary, keyof TradeRules> & { rules: TradeRules };

/** A schedule with all its duty rates. */
export async function findSchedule(sql: Sql, id: string): Promise<WholeSchedule | undefined> {
  const [row] = await sql<(ScheduleRow & { duty_rates: DutyRate[] })[]>`
    select ${scheduleColumns(sql)}, ${dutyRates(sql, sql`true`)} as duty_rates
    from trade_schedules s where s.id = ${id}`;
  if (!row) return undefined;
  const { rules, ...schedule } = row;
  return { ...wholeRules(rules), ...schedule };
}

const scheduleColumns = (sql: Sql): Fragment =>
  sql`s.id, s.destination, s.effective_from::text as effective_from, s.rules, s.source, s.created_at`;

/** The schedule in force of each destination, by destination, `limit + 1` of them after `afterDestination`. */
export async function listSchedulesInForce(
  sql: Sql,
  filter: { destination?: string; day: string; afterDestination?: string; limit: number },
): Promise<ScheduleSummary[]> {
  const { destination = null, afterDestination = "", day } = filter;
  const rows = await sql<ScheduleRow[]>`
    with recursive known as (
      (select s.destination from trade_schedules s where s.destination > ${afterDestination}
       order by s.destination limit 1)
      union all
      select (select s.destination from trade_schedules s where s.destination > known.destination
              order by s.destination limit 1)
      from known where known.destination is not null
    )
    select ${scheduleColumns(sql)},
           (select count(*)::int from duty_rates d where d.schedule_id = s.id) as duty_rate_count
    from known cross join lateral (
      select * from trade_schedules s
      where s.destination = known.destination and s.effective_from <= ${day}::text::date
      order by s.effective_from desc, s.id desc limit 1
    ) s
    where ${destination}::text is null or known.destination = ${destination}
    order by s.destination limit ${filter.limit + 1}`;
  return rows.map(({ rules, ...schedule }) => ({ ...wholeRules(rules), ...schedule }));
}

/** Rules as they are stored, with null for what could not be said yet when an old schedule was written. */
function wholeRules({ duty, tax, ...rules }: TradeRules): TradeRules {
  return {
    ...rules,
    duty: { ...duty, low_value: duty.low_value ?? null },
    tax: { ...tax, seller_base: tax.seller_base ?? null },
  };
}

const overrideColumns = (sql: Sql | Tx): Fragment =>
  sql`o.product_id, p.sku, o.destination, o.hs_code, o.updated_at`;

/** Writes a destination's code for a product. Undefined: it has that code already, or there is no such product. */
export async function upsertHsCode(
  tx: Tx,
  input: { destination: string; sku: string; hs_code: string; now: Date },
): Promise<HsCodeOverride | undefined> {
  const [written] = await tx<HsCodeOverride[]>`
    with o as (
      insert into hs_code_overrides as old (product_id, destination, hs_code, updated_at)
      select p.id, ${input.destination}, ${input.hs_code}, ${input.now}::timestamptz
      from products p where p.sku = ${input.sku}
      on conflict (product_id, destination) do update
        set hs_code = excluded.hs_code, updated_at = excluded.updated_at
        where old.hs_code <> excluded.hs_code
      returning *
    )
    select ${overrideColumns(tx)} from o join products p on p.id = o.product_id`;
  return written;
}

export async function deleteHsCode(
  tx: Tx,
  { destination, sku }: { destination: string; sku: string },
): Promise<HsCodeOverride | undefined> {
  const [removed] = await tx<HsCodeOverride[]>`
    delete from hs_code_overrides o using products p
    where p.sku = ${sku} and o.product_id = p.id and o.destination = ${destination}
    returning ${overrideColumns(tx)}`;
  return removed;
}

export async function findHsCode(
  sql: Sql | Tx,
  { destination, sku }: { destination: string; sku: string },
): Promise<HsCodeOverride | undefined> {
  const [found] = await sql<HsCodeOverride[]>`
    select ${overrideColumns(sql)} from products p
    join hs_code_overrides o on o.product_id = p.id and o.destination = ${destination}
    where p.sku = ${sku}`;
  return found;
}

/** Holds a destination's code for a product until the transaction ends, where there is one. */
export async function lockHsCode(
  tx: Tx,
  { destination, sku }: { destination: string; sku: string },
): Promise<HsCodeOverride | undefined> {
  const [locked] = await tx<HsCodeOverride[]>`
    select ${overrideColumns(tx)} from products p
    join hs_code_overrides o on o.product_id = p.id and o.destination = ${destination}
    where p.sku = ${sku} for no key update of o`;
  return locked;
}

/** A destination's codes in the order of their products' ids, `limit + 1` of them after `afterProduct`. */
export async function listHsCodes(
  sql: Sql,
  filter: { destination: string; afterProduct?: string; limit: number },
): Promise<HsCodeOverride[]> {
  return await sql<HsCodeOverride[]>`
    select ${overrideColumns(sql)} from hs_code_overrides o join products p on p.id = o.product_id
    where o.destination = ${filter.destination}
      ${filter.afterProduct === undefined ? sql`` : sql`and o.product_id > ${filter.afterProduct}`}
    order by o.product_id limit ${filter.limit + 1}`;
}

const optionColumns = (sql: Sql | Tx): Fragment =>
  sql`
  code, name, carrier, to_json(countries) as countries, currency, bands, free_from, min_days, max_days, active, version,
  created_at, updated_at`;

export async function findShippingOption(sql: Sql, code: string): Promise<StoredShippingOption | undefined> {
  const [option] = await sql<StoredShippingOption[]>`
    select ${optionColumns(sql)} from shipping_options where code = ${code}`;
  return option;
}

/** Holds the option's row until the transaction ends. */
export async function lockShippingOption(tx: Tx, code: string): Promise<StoredShippingOption | undefined> {
  const [option] = await tx<StoredShippingOption[]>`
    select ${optionColumns(tx)} from shipping_options where code = ${code} for no key update`;
  return option;
}

/** Adds an option. False: there is one of this code by now. */
export async function insertShippingOption(tx: Tx, option: StoredShippingOption): Promise<boolean> {
  const { count } = await tx`
    insert into shipping_options (code, name, carrier, countries, currency, bands, free_from, min_days, max_days, active,
                                  version, created_at, updated_at)
    values (${option.code}, ${option.name}, ${option.carrier}, ${option.countries}, ${option.currency},
            ${
    tx.json(option.bands)
  }, ${option.free_from}, ${option.min_days}, ${option.max_days}, ${option.active},
            ${option.version}, ${option.created_at}, ${option.updated_at})
    on conflict (code) do nothing`;
  return count > 0;
}

/** Writes a locked option's next version. */
export async function updateShippingOption(tx: Tx, option: StoredShippingOption): Promise<void> {
  await tx`
    update shipping_options
    set name = ${option.name}, carrier = ${option.carrier}, countries = ${option.countries},
        currency = ${option.currency}, bands = ${tx.json(option.bands)}, free_from = ${option.free_from},
        min_days = ${option.min_days}, max_days = ${option.max_days}, active = ${option.active}, version = ${option.version},
        updated_at = ${option.updated_at}
    where code = ${option.code}`;
}

/** The active options that take the weight to the destination, by code, `limit + 1` of them after `afterCode`. */
export async function listOffers(
  sql: Sql,
  filter: { destination: string; weight_grams: number; afterCode?: string; limit: number },
): Promise<ShippingOffer[]> {
  return await sql<ShippingOffer[]>`
    select o.code, o.name, o.carrier, band.price, o.currency, o.free_from, o.min_days, o.max_days
    from shipping_options o cross join lateral (
      select b.price from jsonb_to_recordset(o.bands) as b (up_to_grams bigint, price bigint)
      where b.up_to_grams >= ${filter.weight_grams} order by b.up_to_grams limit 1
    ) band
    where o.active and o.countries @> array[${filter.destination}]::text[]
      and o.code > ${filter.afterCode ?? ""}
    order by o.code limit ${filter.limit + 1}`;
}
