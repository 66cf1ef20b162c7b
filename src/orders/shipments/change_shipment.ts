import type { Ctx } from "../../platform/ctx.ts";
import { changesBetween } from "../../platform/changes.ts";
import type { Tx } from "../../platform/db.ts";
import { notFound, requireVersion } from "../../platform/errors.ts";
import { changingOrder } from "../changing_order.ts";
import { mayRead } from "../get_order.ts";
import type { Order } from "../order.ts";
import { lockOrder } from "../queries.ts";
import { booked, writeOrders } from "../write_orders.ts";
import { findShipment, listReturnableLines } from "./queries.ts";
import { cancelRefunded } from "./cancel_units.ts";
import {
  cancelledShipment,
  changedShipment,
  type ChangeShipment,
  refuseIfCancelled,
  refuseUnlessCancellable,
  type Shipment,
  withShipped,
} from "./shipment.ts";
import { unshipItems, writeShipments } from "./steps.ts";

/**
 * Changes what is known of a shipment. One that arrived counts for its order, whose statuses follow. A change that
 * changes nothing leaves version and log alone.
 *
 * @throws not_found, version_mismatch, invalid_transition
 */
export async function patchShipment(
  ctx: Ctx,
  input: { id: string; change: ChangeShipment; expectedVersion?: number },
): Promise<Shipment> {
  return await changingOrder(ctx, async (tx, written) => {
    const { order, shipment: before } = await lockShipment(tx, ctx, input.id);
    requireVersion("shipment", before.version, input.expectedVersion);
    const now = ctx.clock.now();
    const after = changedShipment(now, before, input.change);
    if (Object.keys(changesBetween(before, after)).length === 0) return before;
    refuseIfCancelled(before);
    const [shipment] = await writeShipments(tx, ctx, now, order, [{ before, after }]);
    if (after.status !== before.status) {
      const units_delivered = after.items.reduce((sum, item) => sum + item.quantity, order.units_delivered);
      const write = booked(ctx, order, [], { units_delivered });
      written(write.order);
      await writeOrders(tx, ctx, [write]);
    }
    return shipment!;
  });
}

/**
 * Takes back a shipment that was recorded by mistake: its units are on hand again, held for the order, which is PROCESSING while
 * any of it is to be sent. Doing it again changes nothing.
 *
 * @throws not_found, version_mismatch, invalid_transition
 */
export async function cancelShipment(
  ctx: Ctx,
  input: { id: string; expectedVersion?: number },
): Promise<Shipment> {
  return await changingOrder(ctx, async (tx, written) => {
    const { order, shipment: before } = await lockShipment(tx, ctx, input.id);
    requireVersion("shipment", before.version, input.expectedVersion);
    if (before.status === "cancelled") return before;
    refuseUnlessCancellable(order, before, await listReturnableLines(tx, order.id));
    const now = ctx.clock.now();
    const [shipment] = await writeShipments(tx, ctx, now, order, [
      { before, after: cancelledShipment(now, before) },
    ]);
    await unshipItems(tx, ctx, order, before.items);
    const left = withShipped(order, before.items, -1);
    // Whoever took it for sent was at work on it: an order that was SHIPPED is not as fresh as one that is PAID.
    const write = booked(ctx, order, [], {
      ...left,
      ...await cancelRefunded(tx, { ...order, ...left }),
      status: "PROCESSING",
    });
    written(write.order);
    await writeOrders(tx, ctx, [write]);
    return shipment!;
  });
}

/** Holds the row of the shipment's order, under which it is changed, until the transaction ends. */
async function lockShipment(tx: Tx, ctx: Ctx, id: string): Promise<{ order: Order; shipment: Shipment }> {
  const known = await findShipment(tx, id);
  const order = known && await lockOrder(tx, known.order_id);
  if (!order || !mayRead(ctx.actor, order)) throw notFound("shipment");
  return { order, shipment: (await findShipment(tx, id))! };
}
