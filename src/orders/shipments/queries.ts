import { actorName, type Ctx } from "../../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { madeWithin } from "../../platform/made_within.ts";
import type { ListShipments } from "./get_shipments.ts";
import type { LineUnits, Refunding, ReturnableLine, Shipment, ShipmentDetails } from "./shipment.ts";

const shipmentColumns = (sql: Sql | Tx): Fragment =>
  sql`
    s.id, s.order_id, s.status,
    (select json_agg(json_build_object('line', i.line, 'sku', o.sku, 'quantity', i.quantity) order by i.line)
     from shipment_items i join order_items o on o.order_id = s.order_id and o.line = i.line
     where i.shipment_id = s.id) as items,
    s.carrier, s.tracking_number, s.tracking_url, s.weight_grams, s.version, s.shipped_at, s.delivered_at,
    s.cancelled_at, s.updated_at`;

/** A shipment with its units, of whosever order. */
export async function findShipment(sql: Sql | Tx, id: string): Promise<Shipment | undefined> {
  const [shipment] = await sql<Shipment[]>`select ${
    shipmentColumns(sql)
  } from shipments s where s.id = ${id}`;
  return shipment;
}

/** Which of its order's parcels a shipment is, cancelled ones counted, and how many units of each of its lines had left before. */
export interface Parcel {
  number: number;
  items: { line: number; quantity: number; before: number }[];
}

/** The parcel that a shipment is, among all that left of its order before and with it. */
export async function getParcel(
  sql: Sql,
  { id, order_id }: Pick<Shipment, "id" | "order_id">,
): Promise<Parcel> {
  const [parcel] = await sql<Parcel[]>`
    select number, json_agg(json_build_object('line', line, 'quantity', quantity, 'before', so_far - quantity)) as items
    from (
      select s.id, i.line, i.quantity, (dense_rank() over (order by s.id))::int as number,
             sum(i.quantity) filter (where s.status <> 'cancelled') over (partition by i.line order by s.id) as so_far
      from shipments s join shipment_items i on i.shipment_id = s.id
      where s.order_id = ${order_id} and s.id <= ${id}
    ) sent
    where id = ${id} group by number`;
  return parcel!;
}

/** An order's shipments that have not arrived, oldest first. */
export async function listUnderWay(tx: Tx, orderId: string): Promise<Shipment[]> {
  return await tx<Shipment[]>`
    select ${shipmentColumns(tx)} from shipments s
    where s.order_id = ${orderId} and s.status = 'shipped' order by s.id`;
}

/** An order's shipments, oldest first, `limit + 1` of them after `afterId`. */
export async function listShipmentsOfOrder(
  sql: Sql,
  { orderId, afterId, limit }: { orderId: string; afterId?: string; limit: number },
): Promise<Shipment[]> {
  return await sql<Shipment[]>`
    select ${shipmentColumns(sql)} from shipments s
    where s.order_id = ${orderId} ${afterId === undefined ? sql`` : sql`and s.id > ${afterId}`}
    order by s.id limit ${limit + 1}`;
}

/**
 * One page of everybody's shipments, or of those of one user's orders, newest first, `limit + 1` rows. When it left is also a
 * range of ids, so that every page is found along an index. A status is part of the text, since the index on those under way
 * is partial.
 */
export async function listShipmentRows(sql: Sql, filter: ListShipments): Promise<Shipment[]> {
  const { status, user_id, order_id, tracking_number, cursor } = filter;
  const conditions: Fragment[] = [
    // An array that is made before anything is looked up by it: else the planner may walk along everybody's shipments.
    user_id === undefined ? sql`` : sql`
      and s.id = any(array(
        select mine.id from orders o join shipments mine on mine.order_id = o.id where o.user_id = ${user_id}))`,
    status === undefined ? sql`` : sql`and s.status = ${sql.unsafe(`'${status}'`)}`,
    order_id === undefined ? sql`` : sql`and s.order_id = ${order_id}`,
    tracking_number === undefined ? sql`` : sql`and s.tracking_number = ${tracking_number}`,
    madeWithin(sql, { id: sql`s.id`, at: sql`s.shipped_at` }, filter),
    cursor === undefined ? sql`` : sql`and s.id < ${cursor[0]}`,
  ];
  return await sql<Shipment[]>`
    select ${shipmentColumns(sql)} from shipments s where true ${conditions}
    order by s.id desc limit ${filter.limit + 1}`;
}

/** The units of an order whose row the caller holds that were refunded without coming back, by line. */
export async function listRefundedUnits(tx: Tx, orderId: string): Promise<LineUnits[]> {
  return await tx<LineUnits[]>`
    select item.line, sum(item.quantity)::int as quantity
    from refunds r, jsonb_to_recordset(r.items) as item (line smallint, quantity int)
    where r.order_id = ${orderId} and r.status = 'succeeded' and r.return_id is null
    group by item.line`;
}

/** Of each line of an order whose row the caller holds: units that left, and neither came back nor are to. */
export async function listReturnableLines(tx: Tx, orderId: string): Promise<ReturnableLine[]> {
  return await tx<ReturnableLine[]>`
    select o.line, o.sku, (o.shipped - o.returned - coalesce(open.units, 0))::int as returnable
    from order_items o
    cross join lateral (
      select sum(i.quantity) as units from returns r join return_items i on i.return_id = r.id and i.line = o.line
      where r.order_id = o.order_id and r.status in ('requested', 'approved')
    ) open
    where o.order_id = ${orderId} order by o.line`;
}

/**
 * How many units of lines had left and come back in a version of an order, by the events of its shipments and returns: all of
 * them are written under the order's row lock, before the event that tells of the order's new version.
 */
export async function listMovedUnits(
  sql: Sql,
  { orderId, version }: { orderId: string; version: number },
): Promise<{ line: number; shipped: number; returned: number }[]> {
  return await sql<{ line: number; shipped: number; returned: number }[]>`
    select item.line, coalesce(sum(case type when 'shipment.created' then item.quantity
                                             when 'shipment.cancelled' then -item.quantity end), 0)::int as shipped,
           coalesce(sum(item.restocked + item.written_off) filter (where type = 'return.received'), 0)::int as returned
    from (
      select 'shipment' as aggregate, id from shipments where order_id = ${orderId}
      union all
      select 'return', id from returns where order_id = ${orderId}
    ) moved
    join events on aggregate_type = moved.aggregate and aggregate_id = moved.id::text
      and type in ('shipment.created', 'shipment.cancelled', 'return.received')
      and position < (
        select position from events
        where aggregate_type = 'order' and aggregate_id = ${orderId} and type <> 'order.processed'
          and (data->>'version')::int = ${version}),
    jsonb_to_recordset(data->'items') as item (line int, quantity int, restocked int, written_off int)
    group by item.line`;
}

/** What refunds under way will give back of an order whose row the caller holds; units that were returned have left. */
export async function findRefunding(tx: Tx, orderId: string): Promise<Refunding> {
  const [refunding] = await tx<Refunding[]>`
    with pending as materialized (
      select amount, items, return_id from refunds where order_id = ${orderId} and status = 'pending'
    )
    select coalesce((select sum(amount) from pending), 0)::bigint as amount,
           coalesce((select json_agg(item) from pending, jsonb_array_elements(items) as item where return_id is null),
                    '[]') as items`;
  return refunding!;
}

/** Writes a shipment and counts its units on the order's lines; a CHECK refuses more than there are. */
export async function insertShipment(
  tx: Tx,
  ctx: Ctx,
  orderId: string,
  items: LineUnits[],
  details: ShipmentDetails,
): Promise<Shipment> {
  const id = newId();
  const now = ctx.clock.now().toISOString();
  await tx`
    with items as materialized (
      select * from jsonb_to_recordset(${tx.json(items)}) as i (line smallint, quantity int)
    ), shipment as (
      insert into shipments (id, order_id, carrier, tracking_number, tracking_url, weight_grams, actor, shipped_at,
                             updated_at)
      values (${id}, ${orderId}, ${details.carrier ?? null}, ${details.tracking_number ?? null},
              ${details.tracking_url ?? null}, ${details.weight_grams ?? null}, ${
    actorName(ctx.actor)
  }, ${now}, ${now})
      returning id
    ), contents as (
      insert into shipment_items (shipment_id, line, quantity)
      select shipment.id, items.line, items.quantity from shipment, items
    )
    update order_items o set shipped = o.shipped + items.quantity
    from items where o.order_id = ${orderId} and o.line = items.line`;
  return (await findShipment(tx, id))!;
}

/** Takes units of lines back that were counted as shipped, of an order whose row the caller holds. */
export async function updateUnshipped(tx: Tx, orderId: string, items: LineUnits[]): Promise<void> {
  await tx`
    update order_items o set shipped = o.shipped - i.quantity
    from jsonb_to_recordset(${tx.json(items)}) as i (line smallint, quantity int)
    where o.order_id = ${orderId} and o.line = i.line`;
}

/** Writes what can change of shipments of an order whose row the caller holds. */
export async function updateShipments(tx: Tx, shipments: Shipment[]): Promise<void> {
  await tx`
    update shipments s
    set status = n.status, carrier = n.carrier, tracking_number = n.tracking_number, tracking_url = n.tracking_url,
        weight_grams = n.weight_grams, version = n.version, delivered_at = n.delivered_at, cancelled_at = n.cancelled_at,
        updated_at = n.updated_at
    from jsonb_to_recordset(${tx.json(shipments as never)}) as n (
      id uuid, status text, carrier text, tracking_number text, tracking_url text, weight_grams int, version int,
      delivered_at timestamptz, cancelled_at timestamptz, updated_at timestamptz
    )
    where s.id = n.id`;
}
