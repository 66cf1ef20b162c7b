import type { Fragment, Sql } from "../platform/db.ts";
import { madeWithin, timeOf } from "../platform/made_within.ts";
import { withinLines } from "../platform/page.ts";
import type { ListOrders } from "./list_orders.ts";
import type { Order, Sort } from "./order.ts";
import { orderColumns } from "./queries.ts";

/**
 * How a list is sorted: the columns with their direction, and the comparison that begins after a position. `id` is
 * the column that holds the order's id in the index that the list runs along, `status` the column before it there.
 */
const SORT_SQL = {
  "-created_at": {
    order: (sql: Sql, id: Fragment, status?: Fragment) =>
      status ? sql`${status}, ${id} desc` : sql`${id} desc`,
    after: (sql: Sql, id: Fragment, [last]: string[]) => sql`${id} < ${last!}`,
  },
  "created_at": {
    order: (sql: Sql, id: Fragment, status?: Fragment) => status ? sql`${status} desc, ${id}` : id,
    after: (sql: Sql, id: Fragment, [last]: string[]) => sql`${id} > ${last!}`,
  },
  "-placed_at": {
    order: (sql: Sql) => sql`o.placed_at desc, o.id desc`,
    after: (sql: Sql, _: Fragment, [at, last]: string[]) =>
      sql`(o.placed_at, o.id) < (${at!}::timestamptz, ${last!}::uuid)`,
  },
  "placed_at": {
    order: (sql: Sql) => sql`o.placed_at, o.id`,
    after: (sql: Sql, _: Fragment, [at, last]: string[]) =>
      sql`(o.placed_at, o.id) > (${at!}::timestamptz, ${last!}::uuid)`,
  },
};

/**
 * Is a status, written so that the planner takes the index on the status and the id: for `= 'PAID'` it would see that the
 * status does not matter for the order of rows, and walk the primary key past all orders that have another one. A part of
 * the text, since some of these indexes are partial. Only ever one of our own words.
 */
function isStatus(
  sql: Sql,
  column: Fragment,
  status: Order["status"] | Order["payment_status"] | Order["fulfilment_status"] | undefined,
): Fragment {
  return status === undefined ? sql`` : sql`and ${column} = any(${sql.unsafe(`'{${status}}'`)}::text[])`;
}

/**
 * The status whose index a list runs along, if it is one; how orders begin is left out of these indexes. Orders that are
 * paid and not sent, and those that owe money, have an index by id.
 */
function indexedStatus(sql: Sql, filter: ListOrders): Fragment | undefined {
  if (filter.user_id !== undefined || filter.sku !== undefined || filter.owed_to_customer) return undefined;
  if (filter.payment_status === "PAID" && filter.fulfilment_status === "UNFULFILLED") return undefined;
  if (filter.payment_status !== undefined && filter.payment_status !== "UNPAID") return sql`o.payment_status`;
  if (filter.fulfilment_status !== undefined && filter.fulfilment_status !== "UNFULFILLED") {
    return sql`o.fulfilment_status`;
  }
  return filter.status === undefined ? undefined : sql`o.status`;
}

/**
 * The rows of one page of orders, `limit + 1` or {@link withinLines}. A time of creation is a range of ids (UUIDv7), so
 * every filter and the usual sort run along one index.
 */
export async function listOrderRows(sql: Sql, filter: ListOrders & { sort: Sort }): Promise<Order[]> {
  const sort = SORT_SQL[filter.sort];
  const id = filter.sku === undefined ? sql`o.id` : sql`i.order_id`;
  const conditions: Fragment[] = [
    filter.user_id !== undefined ? sql`and o.user_id = ${filter.user_id}` : sql``,
    isStatus(sql, sql`o.status`, filter.status),
    isStatus(sql, sql`o.payment_status`, filter.payment_status),
    isStatus(sql, sql`o.fulfilment_status`, filter.fulfilment_status),
    filter.owed_to_customer ? sql`and o.amount_due < 0` : sql``,
    filter.number !== undefined ? sql`and o.number = ${filter.number}` : sql``,
    filter.external_reference !== undefined ? isReference(sql, filter.external_reference) : sql``,
    madeWithin(sql, { id, at: sql`o.created_at` }, filter),
    filter.placed_from !== undefined ? sql`and o.placed_at >= ${timeOf(sql, filter.placed_from)}` : sql``,
    filter.placed_to !== undefined ? sql`and o.placed_at < ${timeOf(sql, filter.placed_to)}` : sql``,
    filter.cursor !== undefined ? sql`and ${sort.after(sql, id, filter.cursor.slice(1))}` : sql``,
  ];
  // Of several lines with the SKU only the first counts: unlike `distinct`, that keeps the index's order.
  const source = filter.sku === undefined ? sql`orders o` : sql`
    order_items i join orders o on o.id = i.order_id and i.sku = ${filter.sku} and not exists (
      select from order_items earlier where earlier.order_id = i.order_id and earlier.sku = i.sku and earlier.line < i.line)`;
  const rows = sql`(
    select o.* from ${source} where true ${conditions}
    order by ${sort.order(sql, id, indexedStatus(sql, filter))} limit ${filter.limit + 1})`;
  const lines = sql`(select count(*) from order_items where order_id = o.id)`;
  const order = sort.order(sql, sql`o.id`);
  return await sql<Order[]>`
    select ${orderColumns(sql)} from ${withinLines(sql, rows, { lines, order })} o order by ${order}`;
}

/** In NFC, as it is kept, or as it was written before that was the rule. */
const isReference = (sql: Sql, reference: string): Fragment =>
  sql`and o.external_reference = any(${[reference.normalize("NFC"), reference]}::text[])`;
