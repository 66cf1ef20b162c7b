import type { Fragment, Sql } from "./db.ts";
import { firstIdAt } from "./id.ts";

/** A row's id (UUIDv7) and the time that it says it was made at are made for one request: they differ by less than this. */
const SKEW_MS = 60_000;
/** The last time that RFC 3339 has a form for: a year has four digits. */
export const LAST_TIME = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Rows made in a span of time, `created_from` ≤ t < `created_to`, as further conditions of a query: the time says it
 * exactly, and a range of ids that is a little wider lets every page be found along an index.
 */
export function madeWithin(
  sql: Sql,
  { id, at }: { id: Fragment; at: Fragment },
  { created_from, created_to }: { created_from?: string; created_to?: string },
): Fragment {
  const idAt = (text: string, skewMs: number) => firstIdAt(new Date(Date.parse(text) + skewMs));
  const from = created_from === undefined
    ? sql``
    : sql`and ${at} >= ${timeOf(sql, created_from)} and ${id} >= ${idAt(created_from, -SKEW_MS)}`;
  const to = created_to === undefined
    ? sql``
    : sql`and ${at} < ${timeOf(sql, created_to)} and ${id} < ${idAt(created_to, SKEW_MS)}`;
  return sql`${from} ${to}`;
}

/** A bound that a caller set, as a number: PostgreSQL's text has no year 0, and no offset of 16 hours or more. */
export function timeOf(sql: Sql, text: string): Fragment {
  return sql`to_timestamp(${boundMs(text)}::float8 / 1000)`;
}

/** Times are kept in whole milliseconds: one is before a bound within a millisecond if it is before the next. */
export function boundMs(text: string): number {
  return Date.parse(text) + (/\.\d{3}\d*[1-9]/.test(text) ? 1 : 0);
}
