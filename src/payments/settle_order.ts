import { changingOrder, lockOrder, type Order } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { findLastReturn } from "./disputes/queries.ts";
import { isFinal, isManual, leftAmount, type Payment, wantsNothing } from "./payment.ts";
import { listPayments } from "./queries.ts";
import { owedPart, type Refund } from "./refunds/refund.ts";
import { listPastRefunds } from "./refunds/queries.ts";
import { beginRefund } from "./refunds/refund_order.ts";
import { sendRefund } from "./refunds/send_refund.ts";
import { voidPayment } from "./capture_payment.ts";

/**
 * Gives back what an order does not want: lets go of what is reserved for one that wants no money, and refunds what providers
 * hold beyond what is due. Money that staff recorded is theirs to give back. Doing it again does nothing more.
 *
 * @throws provider_unavailable where a provider does not answer: to be tried again
 */
export async function settleMoney(ctx: Ctx, orderId: string): Promise<void> {
  const payments = await listPayments(ctx.sql, orderId);
  if (payments.every(isManual)) return;
  const { order, refunds } = await changingOrder(ctx, async (tx, written) => {
    const order = (await lockOrder(tx, orderId))!;
    const refunds: Refund[] = [];
    const known = await listPastRefunds(tx, orderId);
    const pending = known.filter(({ status }) => status === "pending");
    let owed = -order.amount_due - pending.reduce((sum, refund) => sum + owedPart(order, refund), 0);
    for (const payment of await listPayments(tx, orderId)) {
      const amount = Math.min(owed, leftAmount(payment));
      if (amount <= 0 || isManual(payment)) continue;
      // What its provider refused, and no other payment can give, is for people to look at, however often this is done: but
      // for what was refused while the money was in a dispute that we may not have heard of.
      const refused = known.findLast((each) =>
        each.status === "failed" && each.payment_id === payment.id && each.amount === amount &&
        each.reason === reasonOf(order)
      );
      if (refused && refused.began > await findLastReturn(tx, payment.id)) continue;
      owed -= amount;
      refunds.push(
        await beginRefund(
          tx,
          ctx,
          order,
          { amount, payment_id: payment.id, reason: reasonOf(order) },
          written,
        ),
      );
    }
    return { order, refunds };
  });
  ctx.bell.ring("waybill_events");
  for (const refund of refunds) await sendRefund(ctx, refund);
  if (!wantsNothing(order)) return;
  const errors: unknown[] = [];
  for (const { id, status } of payments) {
    if (canBeVoided(status)) await voidPayment(ctx, { id }).catch((error) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}

/** What a provider is still deciding about comes back by itself: as stray, if it comes to anything. */
function canBeVoided(status: Payment["status"]): boolean {
  return !isFinal(status) && status !== "processing";
}

function reasonOf({ status }: Order): string {
  switch (status) {
    case "CANCELLED":
      return "The order was cancelled";
    case "EXPIRED":
      return "The order has expired";
    default:
      return "Paid more than was due";
  }
}
