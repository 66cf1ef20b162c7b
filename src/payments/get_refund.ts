import { findOrder, mayRead } from "../orders/mod.ts";
import { type Ctx, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Refund } from "./refund.ts";
import { findRefund, listRefunds } from "./refund_queries.ts";

/** @throws not_found, also for another's */
export async function getRefund(ctx: Ctx, id: string): Promise<Refund> {
  const refund = await findRefund(ctx.sql, id);
  if (!refund) throw notFound("refund");
  if (isStaff(ctx.actor)) return refund;
  const order = await findOrder(ctx.sql, refund.order_id);
  if (!order || !mayRead(ctx.actor, order)) throw notFound("refund");
  return refund;
}

/** The refunds of an order that the caller may read, oldest first. */
export async function listOrderRefunds(ctx: Ctx, orderId: string): Promise<Refund[]> {
  return await listRefunds(ctx.sql, orderId);
}
