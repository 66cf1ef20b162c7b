import { moveStock } from "../../inventory/mod.ts";
import { changesBetween } from "../../platform/changes.ts";
import type { Ctx } from "../../platform/ctx.ts";
import type { Tx } from "../../platform/db.ts";
import { AppError } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import type { Order } from "../order.ts";
import { shipmentCancelled, shipmentCreated, shipmentUpdated } from "./events.ts";
import { findRefunding, insertShipment, listUnderWay, updateShipments, updateUnshipped } from "./queries.ts";
import {
  deliveredShipment,
  type LineUnits,
  type Shipment,
  type ShipmentDetails,
  shippableLines,
  stockOf,
} from "./shipment.ts";

/** Sends lines of an order whose row the caller holds: shipment, stock, event. The order itself is the caller's to write. */
export async function shipItems(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  items: LineUnits[],
  details: ShipmentDetails = {},
): Promise<Shipment> {
  const shipment = await insertShipment(tx, ctx, order.id, items, details);
  await moveStock(tx, ctx, "shipment", [stockOf(order, items)]);
  await appendEvents(tx, ctx, [{
    event: shipmentCreated,
    aggregateId: shipment.id,
    sequence: 1,
    userId: order.user_id,
    data: shipment,
  }]);
  return shipment;
}

/** Takes units back that never left: lines, stock. Shipment and order are the caller's to write, whose row it holds. */
export async function unshipItems(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  items: LineUnits[],
): Promise<void> {
  await updateUnshipped(tx, order.id, items);
  await moveStock(tx, ctx, "shipment_cancelled", [stockOf(order, items)]);
}

/** What can leave of an order whose row the caller holds. */
export async function listShippable(tx: Tx, order: Order): Promise<LineUnits[]> {
  return shippableLines(order, await findRefunding(tx, order.id));
}

/** Sends all that is still to leave. @throws invalid_transition while some of it is being refunded */
export async function shipRest(tx: Tx, ctx: Ctx, order: Order): Promise<void> {
  const lines = await listShippable(tx, order);
  if (lines.reduce((sum, { quantity }) => sum + quantity, order.units_shipped) < order.units) {
    throw new AppError("invalid_transition", "A part of this order is being refunded.", {
      errors: [{
        pointer: "/status",
        code: "refund_under_way",
        message: "Ship the rest, POST /v1/orders/{id}/shipments, or wait for the refund",
      }],
    });
  }
  await shipItems(tx, ctx, order, lines);
}

/** All shipments of the order have arrived. */
export async function deliverRest(tx: Tx, ctx: Ctx, order: Order): Promise<void> {
  const now = ctx.clock.now();
  const underWay = await listUnderWay(tx, order.id);
  const arrived = underWay.map((before) => ({ before, after: deliveredShipment(now, before) }));
  await writeShipments(tx, ctx, now, order, arrived);
}

/** Writes shipments that changed now, of an order whose row the caller holds, with their events. */
export async function writeShipments(
  tx: Tx,
  ctx: Ctx,
  now: Date,
  order: Order,
  changed: { before: Shipment; after: Shipment }[],
): Promise<Shipment[]> {
  const updated_at = now.toISOString();
  const written = changed.map(({ before, after }) => ({ ...after, version: before.version + 1, updated_at }));
  await updateShipments(tx, written);
  await appendEvents(
    tx,
    ctx,
    written.map((shipment, i) => ({
      event: shipment.status === "cancelled" ? shipmentCancelled : shipmentUpdated,
      aggregateId: shipment.id,
      sequence: shipment.version,
      userId: order.user_id,
      data: { ...shipment, changes: changesBetween(changed[i]!.before, changed[i]!.after) },
    })),
  );
  return written;
}
