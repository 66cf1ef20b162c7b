import { type Demand, stockMoves } from "../inventory/mod.ts";
import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { firstIdAt, newId } from "../platform/id.ts";
import type { Idempotency } from "../platform/idempotency.ts";
import { orderCreated } from "./events.ts";
import type { ListOrders } from "./list_orders.ts";
import type { Order, PlaceOrder, PlacingFacts } from "./order.ts";

/** An answer that was given to this key before, and whether it was to this very request. */
interface FirstAnswer {
  same: boolean;
  order: Order;
}

/** All that placing an order needs to know, in one round trip. */
export async function findPlacingFacts(
  sql: Sql,
  input: PlaceOrder,
  ownerId: string,
  idempotency: Idempotency | undefined,
): Promise<PlacingFacts & { answer: FirstAnswer | null }> {
  const skus = [...new Set(input.items.flatMap((item) => item.sku ?? []))];
  const ids = [...new Set(input.items.flatMap((item) => item.product_id ?? []))];
  const matches = ids.length === 0
    ? sql`p.sku = any(${skus}::text[])`
    : skus.length === 0
    ? sql`p.id = any(${ids}::uuid[])`
    : sql`(p.sku = any(${skus}::text[]) or p.id = any(${ids}::uuid[]))`;
  const [facts] = await sql<(PlacingFacts & { answer: FirstAnswer | null })[]>`
    select
      (select coalesce(json_agg(found), '[]') from (
        select p.id, p.sku, p.name, p.status, price.amount, s.available
        from products p
        join stock_levels s on s.sku = p.sku and s.location = 'default'
        left join product_prices price on price.product_id = p.id and price.currency = ${input.currency}
        where ${matches}
      ) found) as products,
      exists (select from users where id = ${ownerId} and disabled_at is null) as owner_active,
      ${
    input.external_reference === undefined
      ? sql`null`
      : sql`(select id from orders where external_reference = ${input.external_reference})`
  } as taken_by,
      ${idempotency === undefined ? sql`null` : firstAnswer(sql, idempotency)} as answer`;
  return facts!;
}

function firstAnswer(sql: Sql, { actor, route, key, requestHash }: Idempotency): Fragment {
  return sql`(
    select json_build_object('same', k.request_hash = ${requestHash}, 'order', e.data)
    from idempotency_keys k join events e on e.id = k.event_id
    where k.actor = ${actor} and k.route = ${route} and k.key = ${key} and k.expires_at >= now())`;
}

/**
 * Commits a new order in one statement: its idempotency key, stock, movements, lines and events, or none of
 * them. Gives the order's number; undefined when another call with the same key has committed first.
 *
 * Guarantees: a CHECK or `guard` that fails undoes all of it. The number is drawn only after the stock was
 * taken, so a refusal burns none. Locks: the idempotency key, then stock in the order of SKUs.
 */
export async function insertOrder(
  ctx: Ctx,
  order: Order,
  demand: Demand[],
  idempotency: Idempotency | undefined,
): Promise<string | undefined> {
  const { sql } = ctx;
  const { items } = order;
  const eventId = newId();
  const [row] = await sql<{ number: string }[]>`
    with claimed as (${claimKey(sql, idempotency, eventId)}),
    ${
    stockMoves(sql, ctx, {
      kind: "reservation",
      orderId: order.id,
      userId: order.user_id,
      demand,
      onlyIf: sql`exists (select from claimed)`,
    })
  }, placed as (
      insert into orders (id, number, user_id, currency, subtotal, total_price, ship_to, note, metadata,
                          external_reference, placed_by, placed_at, created_at, updated_at, expires_at)
      select ${order.id}::uuid, 'WB-' || nextval('order_numbers'), ${order.user_id}::uuid, ${order.currency},
             ${order.subtotal}::bigint, ${order.total_price}::bigint, ${
    sql.json(order.ship_to)
  }::jsonb, ${order.note},
             ${sql.json(order.metadata)}::jsonb, ${order.external_reference}, ${order.placed_by},
             ${order.placed_at}::timestamptz, ${order.created_at}::timestamptz, ${order.created_at}::timestamptz,
             ${order.expires_at}::timestamptz
      from claimed
      where guard((select count(*) from moved) = ${demand.length}, 'a stock level is missing')
      returning id, number
    ), lines as (
      insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, list_price, line_total)
      select placed.id, item.*
      from placed, unnest(
        ${items.map((item) => item.line)}::smallint[],
        ${items.map((item) => item.product_id)}::uuid[],
        ${items.map((item) => item.sku)}::text[],
        ${items.map((item) => item.name)}::text[],
        ${items.map((item) => item.quantity)}::int[],
        ${items.map((item) => item.unit_price)}::bigint[],
        ${items.map((item) => item.list_price)}::bigint[],
        ${items.map((item) => item.line_total)}::bigint[]
      ) as item
    ), order_event as (
      insert into events (id, type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, data,
                          occurred_at)
      select ${eventId}::uuid, ${orderCreated.type}, ${orderCreated.version}::smallint, ${orderCreated.aggregate},
             ${order.id}::text, ${order.version}::int, ${order.user_id}::uuid, ${actorName(ctx.actor)},
             ${ctx.requestId}, jsonb_set(${sql.json(order)}::jsonb, '{number}', to_jsonb(number)),
             ${order.created_at}::timestamptz
      from placed
    )
    select number from placed`;
  return row?.number;
}

function claimKey(sql: Sql, idempotency: Idempotency | undefined, eventId: string): Fragment {
  if (!idempotency) return sql`select 1`;
  const { actor, route, key, requestHash } = idempotency;
  return sql`
    insert into idempotency_keys (actor, route, key, request_hash, event_id)
    values (${actor}, ${route}, ${key}, ${requestHash}, ${eventId}::uuid)
    on conflict (actor, route, key) do update
      set request_hash = excluded.request_hash, response = null, event_id = excluded.event_id,
          created_at = now(), expires_at = excluded.expires_at
      where idempotency_keys.expires_at < now()
    returning 1`;
}

const orderColumns = (sql: Sql | Tx): Fragment =>
  sql`
    o.id, o.number, o.user_id, o.status, o.payment_status, o.fulfilment_status, o.currency, o.subtotal, o.total_price,
    o.ship_to, o.note, o.metadata, o.external_reference, o.placed_by, o.placed_at, o.created_at, o.updated_at,
    o.expires_at, o.cancelled_at, o.cancel_reason, o.version,
    (select json_agg(json_build_object(
       'line', i.line, 'product_id', i.product_id, 'sku', i.sku, 'name', i.name, 'quantity', i.quantity,
       'unit_price', i.unit_price, 'list_price', i.list_price, 'line_total', i.line_total) order by i.line)
     from order_items i where i.order_id = o.id) as items`;

export async function findOrder(sql: Sql, id: string): Promise<Order | undefined> {
  const [order] = await sql<Order[]>`select ${orderColumns(sql)} from orders o where o.id = ${id}`;
  return order;
}

/** Holds the order's row until the transaction ends: changes of one order come one after the other. */
export async function lockOrder(tx: Tx, id: string): Promise<Order | undefined> {
  const [order] = await tx<Order[]>`
    select ${orderColumns(tx)} from orders o where o.id = ${id} for no key update of o`;
  return order;
}

/** Writes what can change of an order whose row is locked. */
export async function updateOrder(tx: Tx, order: Order): Promise<void> {
  await tx`
    update orders set
      status = ${order.status}, payment_status = ${order.payment_status},
      fulfilment_status = ${order.fulfilment_status}, ship_to = ${
    tx.json(order.ship_to)
  }, note = ${order.note},
      metadata = ${tx.json(order.metadata)}, cancelled_at = ${order.cancelled_at},
      cancel_reason = ${order.cancel_reason}, updated_at = ${order.updated_at}, version = ${order.version}
    where id = ${order.id}`;
}

/** How a list is sorted: the columns with their direction, and the comparison that begins after a position. */
const SORT_SQL = {
  "-created_at": {
    order: (sql: Sql) => sql`o.id desc`,
    after: (sql: Sql, [id]: unknown[]) => sql`o.id < ${id as string}`,
  },
  "created_at": {
    order: (sql: Sql) => sql`o.id`,
    after: (sql: Sql, [id]: unknown[]) => sql`o.id > ${id as string}`,
  },
  "-placed_at": {
    order: (sql: Sql) => sql`o.placed_at desc, o.id desc`,
    after: (sql: Sql, [at, id]: unknown[]) =>
      sql`(o.placed_at, o.id) < (${at as string}::timestamptz, ${id as string}::uuid)`,
  },
  "placed_at": {
    order: (sql: Sql) => sql`o.placed_at, o.id`,
    after: (sql: Sql, [at, id]: unknown[]) =>
      sql`(o.placed_at, o.id) > (${at as string}::timestamptz, ${id as string}::uuid)`,
  },
};

/**
 * One page of orders, `limit + 1` rows. A time of creation is a range of ids (UUIDv7), so every filter and the
 * usual sort run along one index.
 */
export async function listOrderRows(sql: Sql, filter: ListOrders): Promise<Order[]> {
  const sort = SORT_SQL[filter.sort];
  const conditions: Fragment[] = [
    filter.user_id !== undefined ? sql`and o.user_id = ${filter.user_id}` : sql``,
    filter.status !== undefined ? sql`and o.status = ${filter.status}` : sql``,
    filter.payment_status !== undefined ? sql`and o.payment_status = ${filter.payment_status}` : sql``,
    filter.fulfilment_status !== undefined
      ? sql`and o.fulfilment_status = ${filter.fulfilment_status}`
      : sql``,
    filter.number !== undefined ? sql`and o.number = ${filter.number}` : sql``,
    filter.external_reference !== undefined
      ? sql`and o.external_reference = ${filter.external_reference}`
      : sql``,
    filter.created_from !== undefined ? sql`and o.id >= ${firstIdAt(new Date(filter.created_from))}` : sql``,
    filter.created_to !== undefined ? sql`and o.id < ${firstIdAt(new Date(filter.created_to))}` : sql``,
    filter.placed_from !== undefined ? sql`and o.placed_at >= ${filter.placed_from}` : sql``,
    filter.placed_to !== undefined ? sql`and o.placed_at < ${filter.placed_to}` : sql``,
    filter.sku !== undefined
      ? sql`and o.id in (select i.order_id from order_items i where i.sku = ${filter.sku})`
      : sql``,
    filter.cursor !== undefined ? sql`and ${sort.after(sql, filter.cursor)}` : sql``,
  ];
  return await sql<Order[]>`
    select ${orderColumns(sql)}
    from (select * from orders o where true ${conditions} order by ${sort.order(sql)} limit ${
    filter.limit + 1
  }) o
    order by ${sort.order(sql)}`;
}

/** A row of the log about one order. */
export interface OrderEventRow {
  sequence: number;
  type: string;
  at: string;
  actor: string;
  data: { changes?: Record<string, { from: unknown; to: unknown }> };
}

export async function listOrderEvents(sql: Sql, orderId: string): Promise<OrderEventRow[]> {
  return await sql<OrderEventRow[]>`
    select sequence, type, occurred_at as at, actor, jsonb_build_object('changes', data->'changes') as data
    from events
    where aggregate_type = 'order' and aggregate_id = ${orderId}
    order by sequence`;
}
