import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Attempt, Delivery } from "./delivery.ts";
import { findDelivery, listAttempts } from "./queries.ts";

/** A delivery with every attempt that was made, oldest first. @throws not_found */
export async function getDelivery(ctx: Ctx, id: string): Promise<Delivery & { attempt_log: Attempt[] }> {
  const delivery = await findDelivery(ctx.sql, id);
  if (!delivery) throw notFound("webhook delivery");
  return { ...delivery, attempt_log: await listAttempts(ctx.sql, id) };
}
