import { type Fragment, pipelined, type Sql, type Tx } from "../platform/db.ts";
import { listDue } from "../platform/end_due.ts";
import { orderProcessed } from "./events.ts";
import type { ExplanationEntry } from "../trade/mod.ts";
import type { TimelineEntry } from "./get_order.ts";
import type { Order } from "./order.ts";

/** An order as its row and its lines have it; its table is called `o`. */
export const orderColumns = (sql: Sql | Tx): Fragment =>
  sql`
    o.id, o.number, o.user_id, o.status, o.payment_status, o.fulfilment_status, o.currency, o.coupon_code,
    o.discount_total, o.subtotal,
    o.shipping_total, o.duty_total, o.tax_total, o.total_price, o.amount_authorised, o.amount_paid, o.amount_refunded,
    o.amount_due, o.units, o.units_shipped, o.units_delivered, o.units_returned, o.quote_id, o.incoterm,
    o.shipping_option, o.ship_to, o.note, o.metadata, o.external_reference, o.placed_by, o.placed_at, o.created_at,
    o.updated_at, o.expires_at, o.pay_by, o.cancelled_at, o.cancel_reason, o.version,
    (select json_agg(json_build_object(
       'line', i.line, 'product_id', i.product_id, 'sku', i.sku, 'name', i.name, 'quantity', i.quantity,
       'cancelled', i.cancelled, 'shipped', i.shipped, 'returned', i.returned,
       'unit_price', i.unit_price, 'list_price', i.list_price, 'discount_amount', i.discount_amount,
       'line_total', i.line_total, 'shipping_amount', i.shipping_amount, 'duty_amount', i.duty_amount, 'tax_amount', i.tax_amount,
       'shipping_tax_amount', i.shipping_tax_amount,
       'hs_code', i.hs_code, 'country_of_origin', i.country_of_origin, 'weight_grams', i.weight_grams) order by i.line)
     from order_items i where i.order_id = o.id) as items`;

/** An order with its lines, whosever it is. */
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

/**
 * The condition for orders that are not paid in full and whose time is over. Not while the sweeper has still to ask about a
 * payment of theirs: where no worker was there for an hour, it may have been made in time. (`is true` keeps the planner off
 * the index on check_at, along which it would read every payment in doubt.)
 */
const isOverdue = (sql: Sql | Tx, now: Date): Fragment =>
  sql`
    status = 'PENDING' and expires_at <= ${now}
    and not exists (select from payments where order_id = orders.id and (check_at <= ${now}) is true)`;

/** Orders whose time is over: as {@link listDue}. */
export async function listDueOrders(sql: Sql, now: Date, except: string[]): Promise<string[]> {
  const isDue = isOverdue(sql, now);
  const lines = sql`(select count(*) from order_items where order_id = orders.id)`;
  return await listDue(sql, "orders", { isDue, lines }, except);
}

/** Those of these orders that are still due, locked; without those that somebody else holds. */
export async function lockDueOrders(tx: Tx, now: Date, ids: string[]): Promise<Order[]> {
  const due = await tx<{ id: string }[]>`
    select id from orders
    where id = any(${ids}::uuid[]) and ${isOverdue(tx, now)}
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
        expires_at = n.expires_at, pay_by = n.pay_by, cancelled_at = n.cancelled_at, cancel_reason = n.cancel_reason,
        updated_at = n.updated_at, version = n.version
    from jsonb_to_recordset(${tx.json(orders.map(({ items: _, ...header }) => header) as never)}) as n (
      id uuid, status text, payment_status text, fulfilment_status text, amount_authorised bigint, amount_paid bigint,
      amount_refunded bigint, amount_due bigint, units int, units_shipped int, units_delivered int, units_returned int,
      ship_to jsonb, note text, metadata jsonb, expires_at timestamptz, pay_by timestamptz, cancelled_at timestamptz,
      cancel_reason text,
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
    from jsonb_to_recordset(${tx.json(lines)}) as n (order_id uuid, line smallint, cancelled int)
    where i.order_id = n.order_id and i.line = n.line`;
}

/** What happened to an order, oldest first; `actor` as the log names who it was. */
export async function listTimeline(
  sql: Sql,
  filter: { orderId: string; after: number; limit: number },
): Promise<TimelineEntry[]> {
  return await sql<TimelineEntry[]>`
    select sequence, type, occurred_at as at, actor, coalesce(data->'changes', '{}') as changes
    from events
    where aggregate_type = 'order' and aggregate_id = ${filter.orderId} and sequence > ${filter.after}
    order by sequence limit ${filter.limit + 1}`;
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
