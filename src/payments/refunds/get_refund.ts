import { mayReadOrder } from "../../orders/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import type { Refund } from "./refund.ts";
import { findRefund } from "./queries.ts";

/** @throws not_found, also for another's */
export async function getRefund(ctx: Ctx, id: string): Promise<Refund> {
  const refund = await findRefund(ctx.sql, id);
  if (!refund || !await mayReadOrder(ctx, refund.order_id)) throw notFound("refund");
  return refund;
}
