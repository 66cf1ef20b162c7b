import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { type Delivery, PING } from "./delivery.ts";
import { deliverWebhook } from "./jobs.ts";
import { findDelivery, findEndpoint, lockDelivery, reopenDelivery } from "./queries.ts";
import { OVERDUE_MS } from "./schedule.ts";

/**
 * Sends a delivery again, at once, under the same `webhook-id`: one that is finished, or that nobody comes for any more.
 *
 * @throws not_found, invalid_transition while it is pending or its endpoint disabled
 */
export async function redeliver(ctx: Ctx, id: string): Promise<Delivery> {
  const delivery = await transaction(ctx.sql, async (tx) => {
    const before = await lockDelivery(tx, id);
    if (!before) throw notFound("webhook delivery");
    if (before.status === "pending" && !isOverdue(before, ctx.clock.now())) {
      throw new AppError("invalid_transition", "The delivery is still pending: it will be tried anyway.");
    }
    const endpoint = await findEndpoint(tx, before.endpoint_id);
    if (endpoint?.status !== "enabled" && before.event_type !== PING) {
      throw new AppError("invalid_transition", "The endpoint is disabled: enable it first.");
    }
    await reopenDelivery(tx, id, ctx.clock.now());
    const next = { delivery_id: id, attempt: before.attempts + 1 };
    await ctx.jobs.enqueue(tx, deliverWebhook, [next], { groups: [before.endpoint_id] });
    return await findDelivery(tx, id);
  });
  ctx.jobs.announce();
  return delivery!;
}

function isOverdue({ next_attempt_at }: Delivery, now: Date): boolean {
  return next_attempt_at !== null && Date.parse(next_attempt_at) < now.getTime() - OVERDUE_MS;
}
