import type { z } from "@hono/zod-openapi";
import { getReadableOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { type AskedPage, type Page, toPage } from "../platform/page.ts";
import { listPaymentRows, listPaymentsOfOrder, listRefundRows, listRefundsOfOrder } from "./list_queries.ts";
import type { Payment } from "./payment.ts";
import type { Refund } from "./refunds/refund.ts";
import type { RefundsQuery } from "./refunds/schemas.ts";
import type { PaymentsQuery } from "./schemas.ts";

/** Which payments or refunds, newest first. All filters must hold; times are half-open, `from` ≤ t < `to`. */
export type ListPayments = z.output<typeof PaymentsQuery>;
export type ListRefunds = z.output<typeof RefundsQuery>;

/** Everybody's payments, for staff. */
export async function listAllPayments(ctx: Ctx, filter: ListPayments): Promise<Page<Payment>> {
  return toPage(await listPaymentRows(ctx.sql, filter), filter.limit, ({ id }) => [id]);
}

/** Everybody's refunds, for staff. */
export async function listAllRefunds(ctx: Ctx, filter: ListRefunds): Promise<Page<Refund>> {
  return toPage(await listRefundRows(ctx.sql, filter), filter.limit, ({ id }) => [id]);
}

/** A page of what an order has several of. */
type OfOrder = { id: string } & AskedPage;

/** An order's payments, oldest first. @throws not_found, also for another's order */
export async function listOrderPayments(ctx: Ctx, { id, cursor, limit }: OfOrder): Promise<Page<Payment>> {
  const order = await getReadableOrder(ctx, id);
  const rows = await listPaymentsOfOrder(ctx.sql, { orderId: order.id, afterId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}

/** An order's refunds, oldest first. @throws not_found, also for another's order */
export async function listOrderRefunds(ctx: Ctx, { id, cursor, limit }: OfOrder): Promise<Page<Refund>> {
  const order = await getReadableOrder(ctx, id);
  const rows = await listRefundsOfOrder(ctx.sql, { orderId: order.id, afterId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}
