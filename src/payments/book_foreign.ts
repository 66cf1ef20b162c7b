import { changingOrder, lockOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { listUnbookedLosses, type Loss } from "./disputes/queries.ts";
import { recordDisputes } from "./disputes/record_disputes.ts";
import { settleOrder } from "./jobs.ts";
import { leftAmount, refundedByProvider, type StoredPayment } from "./payment.ts";
import type { ChargeState } from "./providers/provider.ts";
import { findPayment, lockPayments } from "./queries.ts";
import { beginRefund, recordRefund } from "./refunds/refund_order.ts";
import { countFailedRefunds } from "./refunds/queries.ts";

/** A part of what went back without us. */
interface Part {
  amount: number;
  reason: string;
  dispute_id?: string;
}

/**
 * Books what went back without us: refunded by somebody at the provider itself, in its dashboard, or taken by the customer's
 * bank, while a dispute is open, or for good once it is lost. What went back for good is the difference of what the provider
 * says and what we know of, refunds of ours under way included, reckoned under the locks: so it is booked once, however
 * often and in whatever order it is told. An order that is owed more than that is settled again.
 *
 * @param told what the provider said of the payment, and how many refunds of ours had failed before it was asked
 */
export async function bookForeign(
  ctx: Ctx,
  payment: StoredPayment,
  told: Pick<ChargeState, "amountRefunded" | "disputes"> & { failedRefunds: number },
): Promise<StoredPayment> {
  // Not the doing of the customer who came back, say, and by that made us ask.
  const by: Ctx = { ...ctx, actor: { kind: "system", name: "payments.foreign_refund" } };
  const after = await changingOrder(by, async (tx, written) => {
    let order = (await lockOrder(tx, payment.order_id))!;
    const known = (await lockPayments(tx, [payment.id]))[0]!;
    const before = await recordDisputes(tx, by, known, told.disputes ?? []);
    const parts = partsOf(by, before, {
      amountRefunded: told.amountRefunded,
      losses: await listUnbookedLosses(tx, payment.id),
      // One of ours that has failed since may be in what was said; its end makes us ask again.
      isCertain: await countFailedRefunds(tx, payment.id) === told.failedRefunds,
    });
    for (const part of parts) {
      const refund = await beginRefund(tx, by, order, { ...part, payment_id: payment.id }, written);
      await recordRefund(tx, by, refund, written);
      order = (await lockOrder(tx, order.id))!;
    }
    const isNew = parts.length > 0 || before !== known;
    if (isNew && order.amount_due < 0) {
      await by.jobs.enqueue(tx, settleOrder, [{ order_id: order.id }]);
    }
    return isNew ? (await findPayment(tx, payment.id))! : before;
  });
  ctx.jobs.announce();
  ctx.bell.ring("waybill_events");
  return after;
}

/**
 * What went back and is not booked, by why: first what was lost in disputes, then what is no refund of ours under way. A payment
 * has no more to give than it took, less what staff gave back in its place: then somebody is to look at it.
 *
 * @param told isCertain: may what was said be told from refunds of ours?
 */
function partsOf(
  ctx: Ctx,
  payment: StoredPayment,
  { amountRefunded, losses, isCertain }: { amountRefunded: number; losses: Loss[]; isCertain: boolean },
): Part[] {
  let gone = Math.max(0, amountRefunded - refundedByProvider(payment));
  let left = leftAmount(payment);
  const take = (most: number, part: Omit<Part, "amount">): Part[] => {
    const amount = Math.min(most, gone, left);
    gone -= amount;
    left -= amount;
    return amount === 0 ? [] : [{ amount, ...part }];
  };
  const lost = losses.flatMap(({ amount, dispute_id }) =>
    take(amount, { reason: "Lost in a dispute", dispute_id })
  );
  const foreign = isCertain ? Math.max(0, gone - payment.amount_refunding) : 0;
  if (foreign > left) {
    ctx.log.error("a provider says that it gave back more of a payment than was left", {
      payment_id: payment.id,
      order_id: payment.order_id,
    });
  }
  return [...lost, ...take(foreign, { reason: "Refunded at the payment provider" })];
}
