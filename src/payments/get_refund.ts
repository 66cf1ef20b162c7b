import { getReadableOrder, mayReadOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Refund } from "./refund.ts";
import { findRefund, listRefunds } from "./refund_queries.ts";

/** @throws not_found, also for another's */
export async function getRefund(ctx: Ctx, id: string): Promise<Refund> {
  const refund = await findRefund(ctx.sql, id);
  if (!refund || !await mayReadOrder(ctx, refund.order_id)) throw notFound("refund");
  return refund;
}

/** An order's refunds, oldest first. @throws not_found, also for another's order */
export async function listOrderRefunds(ctx: Ctx, orderId: string): Promise<Refund[]> {
  await getReadableOrder(ctx, orderId);
  return await listRefunds(ctx.sql, orderId);
}
