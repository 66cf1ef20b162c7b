import type { Fragment, Sql } from "./db.ts";

/** Where a page ended: the sort key of its last row. */
export type Position = (string | number)[];

/** Which page is asked for of a list whose position is an entry's id. */
export interface AskedPage {
  cursor?: [id: string];
  limit: number;
}

/** One page of a list, and where the next one begins; no `next` on the last page. */
export interface Page<T> {
  data: T[];
  next?: Position;
}

/** Makes a page from `limit + 1` rows that a query fetched: the extra one only tells that there is more. */
export function toPage<T>(rows: T[], limit: number, position: (last: T) => Position): Page<T> {
  if (rows.length <= limit) return { data: rows };
  const data = rows.slice(0, limit);
  return { data, next: position(data[data.length - 1]!) };
}

/** The entry with which a page has this many lines together is its last. */
const MAX_LINES = 2000;

/**
 * The same of what has lines, such as orders, of which each may have a thousand: the page ends early where there are many.
 * Of its rows only those that are {@link withinLines} are needed.
 */
export function toPageOfLines<T extends { items: unknown[] }>(
  rows: T[],
  limit: number,
  position: (last: T) => Position,
): Page<T> {
  let lines = 0;
  const last = rows.findIndex(({ items }) => (lines += items.length) >= MAX_LINES);
  return toPage(rows, last === -1 ? limit : Math.min(limit, last + 1), position);
}

/**
 * Those of `rows` (a query in brackets) that a page of lines may hold, and the one behind them.
 *
 * @param lines how many lines a row has, `o` being its table
 * @param order the order of the rows
 */
export const withinLines = (
  sql: Sql,
  rows: Fragment,
  { lines, order }: { lines: Fragment; order: Fragment },
): Fragment =>
  sql`(
    select * from (
      select *, sum(${lines}) over (order by ${order} rows between unbounded preceding and 2 preceding) as lines_before
      from ${rows} o
    ) o where coalesce(lines_before, 0) < ${MAX_LINES}::int)`;
