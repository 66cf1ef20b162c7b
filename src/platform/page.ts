/** Where a page ended: the sort key of its last row. */
export type Position = (string | number)[];

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
