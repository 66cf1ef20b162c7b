import type { Ctx } from "../../platform/ctx.ts";
import type { Tx } from "../../platform/db.ts";
import { handleWebhook } from "../jobs.ts";
import type { ProviderEvent } from "../providers/provider.ts";
import { insertWebhook } from "../queries.ts";

/**
 * Remembers once that something happened to a payment at its provider, and lets a job ask what. The caller announces the
 * job after its commit.
 */
export async function noteWebhook(
  tx: Tx,
  ctx: Ctx,
  provider: string,
  { id: event_id, type, reference, paymentId: payment_id }: ProviderEvent,
): Promise<void> {
  const payload = { type, reference, payment_id };
  const isNew = await insertWebhook(tx, ctx, { provider, event_id, payload });
  if (isNew) await ctx.jobs.enqueue(tx, handleWebhook, [{ provider, event_id }]);
}
