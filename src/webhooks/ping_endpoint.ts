import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { type Delivery, PING } from "./delivery.ts";
import { deliverWebhook } from "./jobs.ts";
import { findDelivery, insertDeliveries, lockEndpoint } from "./queries.ts";

/** Makes a test delivery, also to an endpoint that is disabled. @throws not_found */
export async function pingEndpoint(ctx: Ctx, endpointId: string): Promise<Delivery> {
  const delivery = await transaction(ctx.sql, async (tx) => {
    if (!await lockEndpoint(tx, endpointId)) throw notFound("webhook endpoint");
    const id = newId();
    await insertDeliveries(tx, ctx.clock.now(), [{
      id,
      endpoint_id: endpointId,
      event_position: null,
      event_type: PING,
    }]);
    await ctx.jobs.enqueue(tx, deliverWebhook, [{ delivery_id: id, attempt: 1 }], { groups: [endpointId] });
    return await findDelivery(tx, id);
  });
  ctx.jobs.announce();
  return delivery!;
}
