import { DEFAULT_LOCATION, type StockHolder, stockMoves } from "../inventory/mod.ts";
import { insertConsignees, type SealedConsignee } from "../consignees/mod.ts";
import { claimQuotes } from "../quotes/mod.ts";
import { type Fragment, pipelined, type Sql, type Tx } from "../platform/db.ts";
import { DUE_BATCH } from "../platform/end_due.ts";
import type { Idempotency } from "../platform/idempotency.ts";
import { orderCreated, orderProcessed } from "./events.ts";
import type { ExplanationEntry } from "../trade/mod.ts";
import type { Order, OrderDraft, ProductFacts } from "./order.ts";

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
  /** Does the shop keep schedules of duty and tax, of which any is in force? */
  keepsSchedules: boolean;
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
        select p.id, p.sku, p.name, p.status, p.category, p.hs_code, p.country_of_origin, p.weight_grams, s.available,
               (select coalesce(json_object_agg(currency, amount), '{}') from product_prices where product_id = p.id) as prices
        from products p join stock_levels s on s.sku = p.sku and s.location = ${DEFAULT_LOCATION}
        where ${
    productIds.length === 0
      ? sql`p.sku = any(${skus}::text[])`
      : sql`(p.sku = any(${skus}::text[]) or p.id = any(${productIds}::uuid[]))`
  }) found) as products,
      (select coalesce(json_agg(id), '[]') from users
        where id = any(${ownerIds}::uuid[]) and disabled_at is null) as owners,
      exists (
        select from trade_schedules where effective_from <= (now() at time zone 'UTC')::date) as "keepsSchedules",
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
      where k.actor = asked.actor and k.route = asked.route and k.key = asked.key and (k.expires_at >= now()) is true
    ) order by asked.turn)
    from unnest(${keys.map((k) => k.actor)}::text[], ${keys.map((k) => k.route)}::text[],
                ${keys.map((k) => k.key)}::text[], ${keys.map((k) => k.requestHash)}::text[])
         with ordinality as asked (actor, route, key, request_hash, turn))`;
}

/** An order that was decided on, and who placed it how. */
export interface PlacedOrder extends OrderDraft {
  actor: string;
  requestId: string;
  traceparent?: string;
  idempotency?: Idempotency;
  consignee?: SealedConsignee;
  /** What `also` writes with it. */
  also?: unknown;
}

/** How orders come to be: from a basket of their own, or from quotes, and then perhaps with more rows beside them. */
export type Origin = "basket" | {
  /** CTEs that begin with a comma, over `placed` and `claimed`, whose column `also` holds what each order brings. */
  also: (sql: Sql) => Fragment;
};

/**
 * Commits new orders in one statement: their idempotency keys, stock, movements, lines and events, or none of
 * them. Gives each its number; undefined where another call with the same key has committed first.
 *
 * Guarantees: a CHECK or `guard` that fails undoes all of it. Numbers are drawn only after reference and
 * stock were taken, so a refusal burns none. Locks: idempotency keys in their order, references in theirs, quotes and
 * their carts, then stock in the order of SKUs. A quote is used once, before it expires, for the cart as it was quoted.
 */
export async function insertOrders(
  sql: Sql,
  placed: readonly PlacedOrder[],
  origin: Origin = "basket",
): Promise<(string | undefined)[]> {
  const input = placed.map((
    {
      order: { number: _, ...order },
      explanation,
      actor,
      requestId,
      traceparent,
      idempotency,
      consignee,
      also,
    },
  ) => ({
    data: { ...order, explanation },
    consignee,
    also,
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
      select i.data, i.consignee, i.also, i.actor, i.request_id, i.traceparent, i.key_actor, i.route, i.key, i.request_hash, o.*
      from json_to_recordset(${sql.json(input as never)}::json) as i (
        data json, consignee json, also json, actor text, request_id text, traceparent text, key_actor text, route text,
        key text, request_hash text
      ), json_to_record(i.data) as o (
        id uuid, user_id uuid, status text, payment_status text, currency text, items json, subtotal bigint,
        shipping_total bigint, duty_total bigint, tax_total bigint, total_price bigint, amount_due bigint, units int,
        quote_id uuid, incoterm text, shipping_option text, ship_to jsonb, note text, metadata jsonb,
        external_reference text, placed_by text, placed_at timestamptz, created_at timestamptz, expires_at timestamptz
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
    ), ${origin === "basket" ? sql`` : sql`${claimQuotes(sql)}, `}claimed as materialized (
      select * from input
      where case when (key is null or id in (select order_id from keys))
          and (external_reference is null or id in (select order_id from named))
        then ${
    origin === "basket" ? sql`true` : sql`guard(id in (select order_id from quoted), 'quote is not open')`
  }
        else false end
    ), demand as materialized (
      select c.id as order_id, null::uuid as quote_id, c.user_id, item.sku, sum(item.quantity)::int as quantity,
             c.actor, c.request_id, c.traceparent, c.created_at as at
      from claimed c, json_to_recordset(c.items) as item (sku text, quantity int)
      where c.quote_id is null -- a quote holds its stock already
      group by c.id, c.user_id, item.sku, c.actor, c.request_id, c.traceparent, c.created_at
    ), ${stockMoves(sql, "reservation")}, placed as (
      insert into orders (id, number, user_id, status, payment_status, currency, subtotal, shipping_total, duty_total,
                          tax_total, total_price, amount_due, units, quote_id, incoterm, shipping_option, ship_to, note,
                          metadata, external_reference, placed_by, placed_at, created_at, updated_at, expires_at)
      select id, 'WB-' || nextval('order_numbers'), user_id, status, payment_status, currency, subtotal, shipping_total,
             duty_total, tax_total, total_price, amount_due, units, quote_id, incoterm, shipping_option, ship_to, note,
             metadata, external_reference, placed_by, placed_at, created_at, created_at, expires_at
      from claimed
      where guard((select count(*) from moved) = (select count(*) from wanted), 'a stock level is missing')
      returning id, number
    ), lines as (
      insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, list_price, line_total,
                               shipping_amount, duty_amount, tax_amount, shipping_tax_amount, hs_code, country_of_origin,
                               weight_grams)
      select c.id, item.*
      from claimed c, json_to_recordset(c.items) as item (
        line smallint, product_id uuid, sku text, name text, quantity int, unit_price bigint, list_price bigint,
        line_total bigint, shipping_amount bigint, duty_amount bigint, tax_amount bigint, shipping_tax_amount bigint, hs_code text,
        country_of_origin text, weight_grams int
      )
    ), sale as (
      insert into ledger (order_id, kind, currency, receivable, revenue, shipping, duty, tax, actor, request_id,
                          occurred_at)
      select id, 'sale', currency, total_price, -subtotal, -shipping_total, -duty_total, -tax_total, actor, request_id,
             created_at
      from claimed
    ), order_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${orderCreated.type}, ${orderCreated.version}::smallint, ${orderCreated.aggregate}, c.id::text, 1,
             c.user_id, c.actor, c.request_id, c.traceparent,
             ('{"number":' || to_json(placed.number) || ',' || substr(c.data::text, 2))::jsonb, c.created_at
      from placed join claimed c on c.id = placed.id
    )${origin === "basket" ? sql`` : origin.also(sql)}${
    placed.some(({ consignee }) => consignee) ? insertConsignees(sql) : sql``
  }
    select id, number from placed`;
  const numbers = new Map(rows.map(({ id, number }) => [id, number]));
  return placed.map(({ order }) => numbers.get(order.id));
}

/** An order as its row and its lines have it; its table is called `o`. */
export const orderColumns = (sql: Sql | Tx): Fragment =>
  sql`
    o.id, o.number, o.user_id, o.status, o.payment_status, o.fulfilment_status, o.currency, o.subtotal,
    o.shipping_total, o.duty_total, o.tax_total, o.total_price, o.amount_authorised, o.amount_paid, o.amount_refunded,
    o.amount_due, o.units, o.units_shipped, o.units_delivered, o.units_returned, o.quote_id, o.incoterm,
    o.shipping_option, o.ship_to, o.note, o.metadata, o.external_reference, o.placed_by, o.placed_at, o.created_at,
    o.updated_at, o.expires_at, o.cancelled_at, o.cancel_reason, o.version,
    (select json_agg(json_build_object(
       'line', i.line, 'product_id', i.product_id, 'sku', i.sku, 'name', i.name, 'quantity', i.quantity,
       'cancelled', i.cancelled, 'unit_price', i.unit_price, 'list_price', i.list_price, 'line_total', i.line_total,
       'shipping_amount', i.shipping_amount, 'duty_amount', i.duty_amount, 'tax_amount', i.tax_amount,
       'shipping_tax_amount', i.shipping_tax_amount,
       'hs_code', i.hs_code, 'country_of_origin', i.country_of_origin, 'weight_grams', i.weight_grams) order by i.line)
     from order_items i where i.order_id = o.id) as items`;

export async function findOrder(sql: Sql | Tx, id: string): Promise<Order | undefined> {
  const [order] = await sql<Order[]>`select ${orderColumns(sql)} from orders o where o.id = ${id}`;
  return order;
}

/**
 * Holds the order's row until the transaction ends: changes of one order come one after the other. Reads it after it was had:
 * a statement that waits for a row sees the lines as they were before it waited.
 */
export async function lockOrder(tx: Tx, id: string): Promise<Order | undefined> {
  const [_, order] = await pipelined([lockOrders(tx, [id]), findOrder(tx, id)]);
  return order;
}

/** Holds the rows of these orders, in the order of their ids, until the transaction ends. */
export async function lockOrders(tx: Tx, ids: string[]): Promise<void> {
  await tx`select id from orders where id = any(${ids}::uuid[]) order by id for no key update`;
}

/** The same, and then reads them. */
export async function lockOrdersWithItems(tx: Tx, ids: string[]): Promise<Order[]> {
  const [_, orders] = await pipelined([lockOrders(tx, ids), listOrdersById(tx, ids)]);
  return orders;
}

async function listOrdersById(tx: Tx, ids: string[]): Promise<Order[]> {
  return await tx<Order[]>`
    select ${orderColumns(tx)} from orders o where o.id = any(${ids}::uuid[]) order by o.id`;
}

/** Orders that are not paid in full and whose time is over, the oldest first: as many as one transaction takes on. */
export async function listDueOrders(sql: Sql, now: Date): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from (
      select id, expires_at, sum(lines) over (order by expires_at, id) - lines as before
      from (
        select id, expires_at, (select count(*) from order_items where order_id = orders.id) as lines from orders
        where status = 'PENDING' and expires_at <= ${now}
        order by expires_at, id limit ${DUE_BATCH.things}
      ) due
    ) due where before < ${DUE_BATCH.lines} order by expires_at, id`;
  return rows.map(({ id }) => id);
}

/** Those of these orders that are still due, locked; without those that somebody else holds. */
export async function lockDueOrders(tx: Tx, now: Date, ids: string[]): Promise<Order[]> {
  const due = await tx<{ id: string }[]>`
    select id from orders
    where id = any(${ids}::uuid[]) and status = 'PENDING' and expires_at <= ${now}
    order by id for no key update skip locked`;
  return due.length === 0 ? [] : await listOrdersById(tx, due.map(({ id }) => id));
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
  /** The sale that its ledger booked. */
  sale: number | null;
  sum_of_lines: number;
  /** The same with the shipping, duty and tax of the lines. */
  sum_with_charges: number;
  units: number;
  /** Units that are still to leave. */
  unshipped: number;
  /** Units that its movements, or those of its quote, reserved and neither released nor shipped. */
  held: number;
  processed: boolean;
  /** Of the request that placed it. */
  traceparent: string | null;
}

/** The facts of orders whose rows are locked, read after the locks were had. */
export async function findScreeningFacts(tx: Tx, ids: string[]): Promise<ScreeningFacts[]> {
  return await tx<ScreeningFacts[]>`
    select o.id, o.number, o.user_id, o.status, o.currency, o.subtotal, o.total_price,
           (select receivable from ledger where order_id = o.id and kind = 'sale' limit 1) as sale,
           lines.sum_of_lines, lines.sum_with_charges, lines.units, lines.unshipped,
           coalesce(own.held, 0) + coalesce(quoted.held, 0) as held, log.processed, log.traceparent
    from orders o
    cross join lateral (
      select coalesce(sum(line_total), 0)::bigint as sum_of_lines, coalesce(sum(quantity - cancelled), 0)::bigint as units,
             coalesce(sum(line_total + shipping_amount + duty_amount + tax_amount), 0)::bigint as sum_with_charges,
             coalesce(sum(quantity - cancelled - shipped), 0)::bigint as unshipped
      from order_items where order_id = o.id
    ) lines
    cross join lateral (
      select sum(reserved_delta)::bigint as held from stock_movements where order_id = o.id
    ) own
    cross join lateral (
      select sum(reserved_delta)::bigint as held from stock_movements where quote_id = o.quote_id
    ) quoted
    cross join lateral (
      select coalesce(bool_or(type = ${orderProcessed.type}), false) as processed,
             max(traceparent) filter (where sequence = 1) as traceparent
      from events where aggregate_type = 'order' and aggregate_id = o.id::text
    ) log
    where o.id = any(${ids}::uuid[])
    order by o.id`;
}

/** Writes what can change of orders whose rows are locked. */
export async function updateOrders(tx: Tx, orders: Order[]): Promise<void> {
  await tx`
    update orders o
    set status = n.status, payment_status = n.payment_status, fulfilment_status = n.fulfilment_status,
        amount_authorised = n.amount_authorised, amount_paid = n.amount_paid, amount_refunded = n.amount_refunded,
        amount_due = n.amount_due, units = n.units, units_shipped = n.units_shipped, units_delivered = n.units_delivered,
        units_returned = n.units_returned, ship_to = n.ship_to, note = n.note, metadata = n.metadata,
        expires_at = n.expires_at, cancelled_at = n.cancelled_at, cancel_reason = n.cancel_reason,
        updated_at = n.updated_at, version = n.version
    from json_to_recordset(${tx.json(orders.map(({ items: _, ...header }) => header) as never)}::json) as n (
      id uuid, status text, payment_status text, fulfilment_status text, amount_authorised bigint, amount_paid bigint,
      amount_refunded bigint, amount_due bigint, units int, units_shipped int, units_delivered int, units_returned int,
      ship_to jsonb, note text, metadata jsonb, expires_at timestamptz, cancelled_at timestamptz, cancel_reason text,
      updated_at timestamptz, version int
    )
    where o.id = n.id`;
}

/** Writes how many units of lines are cancelled, of orders whose rows are locked; a CHECK refuses those that have left. */
export async function updateCancelled(
  tx: Tx,
  lines: { order_id: string; line: number; cancelled: number }[],
): Promise<void> {
  if (lines.length === 0) return;
  await tx`
    update order_items i set cancelled = n.cancelled
    from json_to_recordset(${tx.json(lines)}::json) as n (order_id uuid, line smallint, cancelled int)
    where i.order_id = n.order_id and i.line = n.line`;
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

/** How the price of an order came to be that was placed without a quote; undefined where trade had no say in it. */
export async function findExplanation(sql: Sql, orderId: string): Promise<ExplanationEntry[] | undefined> {
  const [row] = await sql<{ explanation: ExplanationEntry[] | null }[]>`
    select data->'explanation' as explanation from events
    where aggregate_type = 'order' and aggregate_id = ${orderId} and sequence = 1`;
  return row?.explanation ?? undefined;
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

/** What is still to leave of orders whose rows are locked, as stock that they hold. */
export async function listUnshipped(tx: Tx, orders: Order[]): Promise<StockHolder[]> {
  if (orders.length === 0) return [];
  return await tx<StockHolder[]>`
    select o.id as order_id, o.user_id,
           json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity - i.cancelled - i.shipped)) as items
    from orders o join order_items i on i.order_id = o.id and i.quantity > i.cancelled + i.shipped
    where o.id = any(${orders.map(({ id }) => id)}::uuid[])
    group by o.id order by o.id`;
}
