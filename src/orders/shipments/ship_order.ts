import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { type Idempotency, once, type Outcome } from "../../platform/idempotency.ts";
import { changingOrder } from "../changing_order.ts";
import { lockReadableOrder } from "../get_order.ts";
import { booked, writeOrders } from "../write_orders.ts";
import type { ShipBody } from "./schemas.ts";
import { linesToShip, refuseUnlessShippable, type Shipment, withShipped } from "./shipment.ts";
import { listShippable, shipItems } from "./steps.ts";

/**
 * Sends goods of an order: its stock leaves, and its statuses follow. Under the order's row lock, so that however many
 * ask at once no unit leaves twice.
 *
 * @throws not_found, invalid_transition, shipment_refused, idempotency_key_reused, idempotency_in_progress
 */
export async function shipOrder(
  ctx: Ctx,
  { order_id, items, ...details }: { order_id: string } & z.infer<typeof ShipBody>,
  idempotency: Idempotency | undefined,
): Promise<Outcome<Shipment>> {
  return await changingOrder(ctx, (tx, written) =>
    once(tx, idempotency, async () => {
      const before = await lockReadableOrder(tx, ctx, order_id);
      refuseUnlessShippable(before);
      const lines = linesToShip(before, await listShippable(tx, before), items);
      const shipment = await shipItems(tx, ctx, before, lines, details);
      const write = booked(ctx, before, [], withShipped(before, lines));
      written(write.order);
      await writeOrders(tx, ctx, [write]);
      return shipment;
    }));
}
