import type { Fragment, Sql } from "../platform/db.ts";
import { firstIdAt } from "../platform/id.ts";
import type { ListOrders } from "./list_orders.ts";
import type { Order, Sort } from "./order.ts";
import { orderColumns } from "./queries.ts";

/**
 * How a list is sorted: the columns with their direction, and the comparison that begins after a position. `id` is
 * the column that holds the order's id in the index that the list runs along.
 */
const SORT_SQL = {
  "-created_at": {
    order: (sql: Sql, id: Fragment) => sql`${id} desc`,
    after: (sql: Sql, id: Fragment, [last]: string[]) => sql`${id} < ${last!}`,
  },
  "created_at": {
    order: (_: Sql, id: Fragment) => id,
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

/** A status as a part of the text: the planner must see whether it is rare. Only ever one of our own words. */
function literal(
  sql: Sql,
  status: Order["status"] | Order["payment_status"] | Order["fulfilment_status"],
): Fragment {
  return sql.unsafe(`'${status}'`);
}

/**
 * One page of orders, `limit + 1` rows. A time of creation is a range of ids (UUIDv7), so every filter and the
 * usual sort run along one index.
 */
export async function listOrderRows(sql: Sql, filter: ListOrders & { sort: Sort }): Promise<Order[]> {
  const sort = SORT_SQL[filter.sort];
  const id = filter.sku === undefined ? sql`o.id` : sql`i.order_id`;
  const conditions: Fragment[] = [
    filter.user_id !== undefined ? sql`and o.user_id = ${filter.user_id}` : sql``,
    filter.status !== undefined ? sql`and o.status = ${literal(sql, filter.status)}` : sql``,
    filter.payment_status !== undefined
      ? sql`and o.payment_status = ${literal(sql, filter.payment_status)}`
      : sql``,
    filter.fulfilment_status !== undefined
      ? sql`and o.fulfilment_status = ${literal(sql, filter.fulfilment_status)}`
      : sql``,
    filter.number !== undefined ? sql`and o.number = ${filter.number}` : sql``,
    filter.external_reference !== undefined
      ? sql`and o.external_reference = ${filter.external_reference}`
      : sql``,
    filter.created_from !== undefined ? sql`and ${id} >= ${firstIdAt(new Date(filter.created_from))}` : sql``,
    filter.created_to !== undefined ? sql`and ${id} < ${firstIdAt(new Date(filter.created_to))}` : sql``,
    filter.placed_from !== undefined ? sql`and o.placed_at >= ${filter.placed_from}` : sql``,
    filter.placed_to !== undefined ? sql`and o.placed_at < ${filter.placed_to}` : sql``,
    filter.cursor !== undefined ? sql`and ${sort.after(sql, id, filter.cursor.slice(1))}` : sql``,
  ];
  // Of several lines with the SKU only the first counts: unlike `distinct`, that keeps the index's order.
  const source = filter.sku === undefined ? sql`orders o` : sql`
    order_items i join orders o on o.id = i.order_id and i.sku = ${filter.sku} and not exists (
      select from order_items earlier where earlier.order_id = i.order_id and earlier.sku = i.sku and earlier.line < i.line)`;
  return await sql<Order[]>`
    select ${orderColumns(sql)}
    from (select o.* from ${source} where true ${conditions} order by ${sort.order(sql, id)} limit ${
    filter.limit + 1
  }) o
    order by ${sort.order(sql, sql`o.id`)}`;
}
