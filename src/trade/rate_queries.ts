import type { z } from "@hono/zod-openapi";
import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import type { PublishedRate } from "./rate_file.ts";
import type { RateSchema } from "./schemas.ts";

/** A reference rate as it was written down: units of `currency` for one euro. */
export type ExchangeRate = z.output<typeof RateSchema>;

const rateColumns = (sql: Sql | Tx): Fragment =>
  sql`r.currency, trim_scale(r.rate)::text as rate, r.as_of::text as as_of, r.source, r.recorded_at`;

/** Imports take their turns until the transaction ends: each sees what those before it wrote. */
export async function lockRates(tx: Tx): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended('exchange_rates', 0))`;
}

/** Writes those that differ from what was last written of their currency and day. Gives how many. */
export async function insertRates(
  tx: Tx,
  ctx: Ctx,
  rates: PublishedRate[],
  source: string,
): Promise<number> {
  const { count } = await tx`
    insert into exchange_rates (currency, as_of, rate, source, actor, recorded_at)
    select p.currency, p.as_of, p.rate, ${source}, ${actorName(ctx.actor)}, ${ctx.clock.now()}::timestamptz
    from (
      select * from unnest(
        ${rates.map(({ currency }) => currency)}::text[],
        ${rates.map(({ as_of }) => as_of)}::text[]::date[],
        ${rates.map(({ rate }) => rate)}::text[]::numeric[]
      ) as p (currency, as_of, rate)
    ) p
    where p.rate is distinct from (
      select r.rate from exchange_rates r where r.currency = p.currency and r.as_of = p.as_of order by r.id desc limit 1
    )`;
  return count;
}

/** The newest rate of each currency on or before a day, by currency. Reads two index entries for each currency. */
export async function listLatestRates(sql: Sql, day: string): Promise<ExchangeRate[]> {
  return await sql<ExchangeRate[]>`
    with recursive known as (
      (select r.currency from exchange_rates r order by r.currency limit 1)
      union all
      select (select r.currency from exchange_rates r where r.currency > known.currency order by r.currency limit 1)
      from known where known.currency is not null
    )
    select ${rateColumns(sql)}
    from known cross join lateral (
      select * from exchange_rates r
      where r.currency = known.currency and r.as_of <= ${day}::text::date
      order by r.as_of desc, r.id desc limit 1
    ) r
    order by r.currency`;
}

/** Every rate of a currency with its corrections, newest first, `limit + 1` of them after the cursor. */
export async function listRateHistory(
  sql: Sql,
  filter: { currency: string; cursor?: [day: string, id: number]; limit: number },
): Promise<(ExchangeRate & { id: number })[]> {
  const [day, id] = filter.cursor ?? ["infinity", 0];
  return await sql<(ExchangeRate & { id: number })[]>`
    select r.id, ${rateColumns(sql)} from exchange_rates r
    where r.currency = ${filter.currency} and r.as_of <= ${day}::text::date
      and (r.as_of < ${day}::text::date or r.id < ${id})
    order by r.as_of desc, r.id desc limit ${filter.limit + 1}`;
}
