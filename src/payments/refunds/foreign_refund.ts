import { changingOrder, lockOrder } from "../../orders/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import { settleOrder } from "../jobs.ts";
import { refundedByProvider, type StoredPayment } from "../payment.ts";
import { findPayment, lockPayments } from "../queries.ts";
import { owedPart } from "./refund.ts";
import { beginRefund, recordRefund } from "./refund_order.ts";
import { countFailedRefunds } from "./queries.ts";

/**
 * Books what went back without us: refunded by somebody at the provider itself, in its dashboard. It is the difference of
 * what the provider says and what we know of, refunds of ours under way included, reckoned under the locks: so it is
 * booked once, however often and in whatever order it is told. An order that is owed more than that is settled again.
 *
 * @param told what the provider said of the payment, and how many refunds of ours had failed before it was asked
 */
export async function bookForeignRefund(
  ctx: Ctx,
  payment: StoredPayment,
  told: { amountRefunded: number; failedRefunds: number },
): Promise<StoredPayment> {
  // Not the doing of the customer who came back, say, and by that made us ask.
  const by: Ctx = { ...ctx, actor: { kind: "system", name: "payments.foreign_refund" } };
  const after = await changingOrder(by, async (tx, written) => {
    const order = (await lockOrder(tx, payment.order_id))!;
    const before = (await lockPayments(tx, [payment.id]))[0]!;
    // One of ours that has failed since may be in what was said; its end makes us ask again.
    if (await countFailedRefunds(tx, payment.id) !== told.failedRefunds) return before;
    const amount = foreignAmount(by, before, told.amountRefunded);
    if (amount === 0) return before;
    const ask = { amount, payment_id: payment.id, reason: "Refunded at the payment provider" };
    const refund = await beginRefund(tx, by, order, ask, written);
    await recordRefund(tx, by, refund, written);
    if (order.amount_due + owedPart(order, refund) < 0) {
      await by.jobs.enqueue(tx, settleOrder, [{ order_id: order.id }]);
    }
    return (await findPayment(tx, payment.id))!;
  });
  ctx.jobs.announce();
  ctx.bell.ring("waybill_events");
  return after;
}

/**
 * How much more went back than we know of. A payment has no more to give than it took, less what staff gave back in its
 * place: then somebody is to look at it.
 */
function foreignAmount(ctx: Ctx, payment: StoredPayment, amountRefunded: number): number {
  const foreign = Math.max(0, amountRefunded - refundedByProvider(payment) - payment.amount_refunding);
  const left = payment.amount_captured - payment.amount_refunded - payment.amount_refunding;
  if (foreign > left) {
    ctx.log.error("a provider says that it gave back more of a payment than was left", {
      payment_id: payment.id,
      order_id: payment.order_id,
    });
  }
  return Math.min(foreign, left);
}
