import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { type Delivery, PING } from "./delivery.ts";
import { deliverWebhook } from "./jobs.ts";
import { findDelivery, findEndpoint, lockDelivery, reopenDelivery } from "./queries.ts";

/**
 * Sends a finished delivery again, at once, under the same `webhook-id`.
 *
 * @throws not_found, invalid_transition while it is pending or its endpoint disabled
 */
export async function redeliver(ctx: Ctx, id: string): Promise<Delivery> {
  const delivery = await transaction(ctx.sql, async (tx) => {
    const before = await lockDelivery(tx, id);
    if (!before) throw notFound("webhook delivery");
    if (before.status === "pending") {
      throw new AppError("invalid_transition", "The delivery is still pending: it will be tried anyway.");
    }
    const endpoint = await findEndpoint(tx, before.endpoint_id);
    if (endpoint?.status !== "enabled" && before.event_type !== PING) {
      throw new AppError("invalid_transition", "The endpoint is disabled: enable it first.");
    }
    await reopenDelivery(tx, id, ctx.clock.now());
    await ctx.jobs.enqueue(tx, deliverWebhook, [{ delivery_id: id, attempt: before.attempts + 1 }]);
    return await findDelivery(tx, id);
  });
  ctx.jobs.announce();
  return delivery!;
}
