import { DEFAULT_LOCATION, stockMoves } from "../inventory/mod.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { firstIdAt } from "../platform/id.ts";
import type { Idempotency } from "../platform/idempotency.ts";
import { orderCreated, orderProcessed } from "./events.ts";
import type { ListOrders } from "./list_orders.ts";
import type { Order, ProductFacts, Sort } from "./order.ts";

/** An answer that was given to a key before, and whether it was to this very request. */
export interface FirstAnswer {
  same: boolean;
  order: Order;
}

/** What several orders that are about to be placed ask of the database. */
export interface FactsWanted {
  skus: string[];
  productIds: string[];
  ownerIds: string[];
  references: string[];
  keys: Idempotency[];
}

/** The facts by what they were asked with; what does not exist is missing. */
export interface FactsFound {
  products: ProductFacts[];
  owners: string[];
  /** Order id by external reference. */
  references: Record<string, string>;
  /** In the order of `keys`. */
  answers: (FirstAnswer | null)[];
}

/** All that placing these orders needs to know, in one round trip. */
export async function findPlacingFacts(sql: Sql, wanted: FactsWanted): Promise<FactsFound> {
  const { skus, productIds, ownerIds, references, keys } = wanted;
  const [found] = await sql<FactsFound[]>`
    select
      (select coalesce(json_agg(found), '[]') from (
        select p.id, p.sku, p.name, p.status, s.available,
               (select coalesce(json_object_agg(currency, amount), '{}') from product_prices where product_id = p.id) as prices
        from products p join stock_levels s on s.sku = p.sku and s.location = ${DEFAULT_LOCATION}
        where ${
    productIds.length === 0
      ? sql`p.sku = any(${skus}::text[])`
      : sql`(p.sku = any(${skus}::text[]) or p.id = any(${productIds}::uuid[]))`
  }) found) as products,
      (select coalesce(json_agg(id), '[]') from users
        where id = any(${ownerIds}::uuid[]) and disabled_at is null) as owners,
      ${references.length === 0 ? sql`'{}'::json` : findReferences(sql, references)} as references,
      ${keys.length === 0 ? sql`'[]'::json` : findAnswers(sql, keys)} as answers`;
  return found!;
}

function findReferences(sql: Sql, references: string[]): Fragment {
  return sql`(
    select coalesce(json_object_agg(external_reference, id), '{}') from orders
    where external_reference = any(${references}::text[]))`;
}

function findAnswers(sql: Sql, keys: Idempotency[]): Fragment {
  return sql`(
    select json_agg((
      select json_build_object('same', k.request_hash = asked.request_hash, 'order', (
        select e.data from events e
        where e.aggregate_type = 'order' and e.aggregate_id = k.order_id::text and e.sequence = 1))
      from idempotency_keys k
      where k.actor = asked.actor and k.route = asked.route and k.key = asked.key and k.expires_at >= now()
    ) order by asked.turn)
    from unnest(${keys.map((k) => k.actor)}::text[], ${keys.map((k) => k.route)}::text[],
                ${keys.map((k) => k.key)}::text[], ${keys.map((k) => k.requestHash)}::text[])
         with ordinality as asked (actor, route, key, request_hash, turn))`;
}

/** An order that was decided on, and who placed it how. */
export interface PlacedOrder {
  order: Order;
  actor: string;
  requestId: string;
  traceparent?: string;
  idempotency?: Idempotency;
}

/**
 * Commits new orders in one statement: their idempotency keys, stock, movements, lines and events, or none of
 * them. Gives each its number; undefined where another call with the same key has committed first.
 *
 * Guarantees: a CHECK or `guard` that fails undoes all of it. Numbers are drawn only after reference and
 * stock were taken, so a refusal burns none. Locks: idempotency keys in their order, references in theirs, then
 * stock in the order of SKUs.
 */
export async function insertOrders(
  sql: Sql,
  placed: readonly PlacedOrder[],
): Promise<(string | undefined)[]> {
  const input = placed.map(({ order, actor, requestId, traceparent, idempotency }) => ({
    data: order,
    actor,
    request_id: requestId,
    traceparent,
    key_actor: idempotency?.actor,
    route: idempotency?.route,
    key: idempotency?.key,
    request_hash: idempotency?.requestHash,
  }));
  const rows = await sql<{ id: string; number: string }[]>`
    with input as materialized (
      select i.data, i.actor, i.request_id, i.traceparent, i.key_actor, i.route, i.key, i.request_hash, o.*
      from json_to_recordset(${sql.json(input as never)}::json) as i (
        data json, actor text, request_id text, traceparent text, key_actor text, route text, key text, request_hash text
      ), json_to_record(i.data) as o (
        id uuid, user_id uuid, currency text, items json, subtotal bigint, total_price bigint, ship_to jsonb, note text,
        metadata jsonb, external_reference text, placed_by text, placed_at timestamptz, created_at timestamptz,
        expires_at timestamptz
      )
    ), keys as (
      insert into idempotency_keys (actor, route, key, request_hash, order_id)
      select key_actor, route, key, request_hash, id from input where key is not null
      order by key_actor, route, key
      on conflict (actor, route, key) do update
        set request_hash = excluded.request_hash, response = null, order_id = excluded.order_id,
            created_at = now(), expires_at = excluded.expires_at
        where idempotency_keys.expires_at < now()
      returning order_id
    ), named as (
      insert into order_references (external_reference, order_id)
      select external_reference, id from input
      where external_reference is not null and (key is null or id in (select order_id from keys))
      order by external_reference
      returning order_id
    ), claimed as materialized (
      select * from input
      where (key is null or id in (select order_id from keys))
        and (external_reference is null or id in (select order_id from named))
    ), demand as materialized (
      select c.id as order_id, c.user_id, item.sku, sum(item.quantity)::int as quantity, c.actor, c.request_id,
             c.traceparent, c.created_at as at
      from claimed c, json_to_recordset(c.items) as item (sku text, quantity int)
      group by c.id, c.user_id, item.sku, c.actor, c.request_id, c.traceparent, c.created_at
    ), ${stockMoves(sql, "reservation")}, placed as (
      insert into orders (id, number, user_id, currency, subtotal, total_price, ship_to, note, metadata,
                          external_reference, placed_by, placed_at, created_at, updated_at, expires_at)
      select id, 'WB-' || nextval('order_numbers'), user_id, currency, subtotal, total_price, ship_to, note, metadata,
             external_reference, placed_by, placed_at, created_at, created_at, expires_at
      from claimed
      where guard((select count(*) from moved) = (select count(*) from wanted), 'a stock level is missing')
      returning id, number
    ), lines as (
      insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, list_price, line_total)
      select c.id, item.*
      from claimed c, json_to_recordset(c.items) as item (
        line smallint, product_id uuid, sku text, name text, quantity int, unit_price bigint, list_price bigint,
        line_total bigint
      )
    ), order_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${orderCreated.type}, ${orderCreated.version}::smallint, ${orderCreated.aggregate}, c.id::text, 1,
             c.user_id, c.actor, c.request_id, c.traceparent, jsonb_set(c.data::jsonb, '{number}', to_jsonb(placed.number)),
             c.created_at
      from placed join claimed c on c.id = placed.id
    )
    select id, number from placed`;
  const numbers = new Map(rows.map(({ id, number }) => [id, number]));
  return placed.map(({ order }) => numbers.get(order.id));
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

/** Holds the rows of these orders, in the order of their ids, until the transaction ends. */
export async function lockOrders(tx: Tx, ids: string[]): Promise<void> {
  await tx`select id from orders where id = any(${ids}::uuid[]) order by id for no key update`;
}

/** Unpaid orders whose time is over, the oldest first, locked; without those that somebody else holds. */
export async function lockDueOrders(tx: Tx, now: Date, limit: number): Promise<Order[]> {
  return await tx<Order[]>`
    select ${orderColumns(tx)} from orders o
    where o.status = 'PENDING' and o.expires_at <= ${now}
    order by o.expires_at limit ${limit} for no key update of o skip locked`;
}

/** What screening compares: an order's own amounts, the sums of its lines, and what the ledger holds for it. */
export interface ScreeningFacts {
  id: string;
  number: string;
  user_id: string;
  status: Order["status"];
  currency: string;
  subtotal: number;
  total_price: number;
  sum_of_lines: number;
  units: number;
  /** Units that its movements reserved and neither released nor shipped. */
  held: number;
  processed: boolean;
  /** Of the request that placed it. */
  traceparent: string | null;
}

/** The facts of orders whose rows are locked, read after the locks were had. */
export async function findScreeningFacts(tx: Tx, ids: string[]): Promise<ScreeningFacts[]> {
  return await tx<ScreeningFacts[]>`
    select o.id, o.number, o.user_id, o.status, o.currency, o.subtotal, o.total_price,
           lines.sum_of_lines, lines.units, stock.held, log.processed, log.traceparent
    from orders o
    cross join lateral (
      select coalesce(sum(line_total), 0)::bigint as sum_of_lines, coalesce(sum(quantity), 0)::bigint as units
      from order_items where order_id = o.id
    ) lines
    cross join lateral (
      select coalesce(sum(reserved_delta), 0)::bigint as held from stock_movements where order_id = o.id
    ) stock
    cross join lateral (
      select coalesce(bool_or(type = ${orderProcessed.type}), false) as processed,
             max(traceparent) filter (where sequence = 1) as traceparent
      from events where aggregate_type = 'order' and aggregate_id = o.id::text
    ) log
    where o.id = any(${ids}::uuid[])
    order by o.id`;
}

/** Writes the new statuses of orders whose rows are locked. */
export async function updateOrders(tx: Tx, orders: Order[]): Promise<void> {
  await tx`
    update orders o
    set status = n.status, payment_status = n.payment_status, fulfilment_status = n.fulfilment_status,
        updated_at = n.updated_at, version = n.version
    from json_to_recordset(${tx.json(orders as never)}::json) as n (
      id uuid, status text, payment_status text, fulfilment_status text, updated_at timestamptz, version int
    )
    where o.id = n.id`;
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

/** The events that make up an order as it was at a time: its first, and the last one until then that has its header. */
export async function listOrderStates(
  sql: Sql,
  orderId: string,
  until: Date,
): Promise<{ type: string; data: Record<string, unknown> }[]> {
  // As a number, since text has no year 0.
  return await sql<{ type: string; data: Record<string, unknown> }[]>`
    with states as materialized (
      select sequence from events
      where aggregate_type = 'order' and aggregate_id = ${orderId} and type <> ${orderProcessed.type}
        and occurred_at <= to_timestamp(${until.getTime()}::float8 / 1000)
    )
    select type, data from events
    where aggregate_type = 'order' and aggregate_id = ${orderId}
      and sequence in (select min(sequence) from states union select max(sequence) from states)
    order by sequence`;
}
