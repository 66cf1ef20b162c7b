import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { findDelivery, listAttempts } from "./queries.ts";
import type { DeliveryWithAttemptsSchema } from "./schemas.ts";

/** A delivery with every attempt that was made, oldest first. @throws not_found */
export async function getDelivery(ctx: Ctx, id: string): Promise<z.infer<typeof DeliveryWithAttemptsSchema>> {
  const delivery = await findDelivery(ctx.sql, id);
  if (!delivery) throw notFound("webhook delivery");
  return { ...delivery, attempt_log: await listAttempts(ctx.sql, id) };
}
