import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import { listPaymentRows, listRefundRows } from "./list_queries.ts";
import type { Payment } from "./payment.ts";
import type { Refund } from "./refund.ts";
import type { PaymentsQuery, RefundsQuery } from "./schemas.ts";

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
