import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import { listPaymentRows, listRefundRows } from "./list_queries.ts";
import type { Payment } from "./payment.ts";
import type { Refund } from "./refund.ts";

/** Which payments or refunds, newest first. All filters must hold; times are half-open, `from` ≤ t < `to`. */
export interface Listing {
  order_id?: string;
  created_from?: string;
  created_to?: string;
  /** The id of the last row. */
  cursor?: [string];
  limit: number;
}

export interface ListPayments extends Listing {
  status?: Payment["status"];
  provider?: string;
  provider_reference?: string;
}

export interface ListRefunds extends Listing {
  status?: Refund["status"];
  payment_id?: string;
}

/** Everybody's payments, for staff. */
export async function listAllPayments(ctx: Ctx, filter: ListPayments): Promise<Page<Payment>> {
  return toPage(await listPaymentRows(ctx.sql, filter), filter.limit, ({ id }) => [id]);
}

/** Everybody's refunds, for staff. */
export async function listAllRefunds(ctx: Ctx, filter: ListRefunds): Promise<Page<Refund>> {
  return toPage(await listRefundRows(ctx.sql, filter), filter.limit, ({ id }) => [id]);
}
