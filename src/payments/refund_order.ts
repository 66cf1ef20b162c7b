import {
  changingOrder,
  findRefundable,
  lockOrder,
  mayRead,
  type Order,
  type RefundParts,
} from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { notFound } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { refundCreated } from "./events.ts";
import type { StoredPayment } from "./payment.ts";
import { listPayments, lockPayments, updatePayments } from "./queries.ts";
import {
  type AskRefund,
  nextAttempt,
  owedPart,
  type Refund,
  type RefundFacts,
  refundRefused,
  type RefundSplit,
  splitRefund,
  takenParts,
} from "./refund.ts";
import { findRefund, insertRefund, listRefunds } from "./refund_queries.ts";
import { sendRefund, settleRefund } from "./send_refund.ts";

/**
 * Refunds an order, all of what was paid, an amount, or units of lines. What it takes is reserved on the payment before
 * the provider hears of it, so that however many refunds are asked for at once, never more goes back than came in.
 *
 * @throws not_found, refund_refused (which says what is possible), idempotency_key_reused
 */
export async function refundOrder(
  ctx: Ctx,
  input: { orderId: string; ask: AskRefund },
  idempotency: Idempotency,
): Promise<Outcome<Refund>> {
  const { value, replayed } = await changingOrder(ctx, (tx, written) =>
    once(tx, idempotency, async () => {
      const order = await lockOrder(tx, input.orderId);
      if (!order || !mayRead(ctx.actor, order)) throw notFound("order");
      return await beginRefund(tx, ctx, order, input.ask, written);
    }));
  // A replay goes on where the first call was cut off.
  const refund = replayed ? (await findRefund(ctx.sql, value.id))! : value;
  return { value: await sendRefund(ctx, refund), replayed };
}

/** Reserves a refund of an order whose row the caller holds, and tells the log. `sendRefund` follows after the commit. */
export async function beginRefund(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  ask: AskRefund & { return_id?: string },
  written: (order: Order) => void,
): Promise<Refund> {
  const payments = await lockPayments(tx, (await listPayments(tx, order.id)).map(({ id }) => id));
  const refunds = await listRefunds(tx, order.id);
  const split = splitRefund(await factsOf(tx, order, refunds), ask);
  const payment = choosePayment(order, payments, split, ask.payment_id);
  const now = ctx.clock.now();
  const refund: Refund = {
    id: newId(),
    order_id: order.id,
    payment_id: payment?.id ?? null,
    return_id: ask.return_id ?? null,
    currency: order.currency,
    amount: split.amount,
    goods_amount: split.parts.goods,
    shipping_amount: split.parts.shipping,
    duty_amount: split.parts.duty,
    tax_amount: split.parts.tax,
    items: split.items,
    reason: ask.reason,
    status: "pending",
    provider_reference: null,
    failure_message: null,
    attempts: 0,
    next_attempt_at: payment ? nextAttempt(now, 0) : null,
    version: 1,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
  };
  await insertRefund(tx, ctx, refund);
  if (payment) {
    await updatePayments(tx, [{
      ...payment,
      amount_refunding: payment.amount_refunding + refund.amount,
      updated_at: now.toISOString(),
    }]);
  }
  await appendEvents(tx, ctx, [{
    event: refundCreated,
    aggregateId: refund.id,
    sequence: 1,
    userId: order.user_id,
    data: refund,
  }]);
  // Money that no provider holds is given back by staff themselves: recording it is all there is to do.
  return payment
    ? refund
    : await settleRefund(tx, ctx, order, undefined, refund, { status: "succeeded" }, written);
}

async function factsOf(tx: Tx, order: Order, refunds: Refund[]): Promise<RefundFacts> {
  const left = await findRefundable(tx, order.id);
  const pending = refunds.filter(({ status }) => status === "pending");
  const refundedUnits = new Map<number, number>();
  for (const { status, items } of refunds) {
    if (status === "failed") continue;
    for (const { line, quantity } of items) {
      refundedUnits.set(line, (refundedUnits.get(line) ?? 0) + quantity);
    }
  }
  const less = (amount: (refund: Refund) => number) =>
    pending.reduce((sum, refund) => sum + amount(refund), 0);
  const leftOf = (part: keyof RefundParts) => left[part] - less((r) => takenParts(order, r)[part]);
  return {
    order: { ...order, amount_due: order.amount_due + less((r) => owedPart(order, r)) },
    left: { goods: leftOf("goods"), shipping: leftOf("shipping"), duty: leftOf("duty"), tax: leftOf("tax") },
    money: order.amount_paid - order.amount_refunded - less((r) => r.amount),
    refundedUnits,
  };
}

/** The payment that has enough left, the latest first; undefined for money that staff recorded. */
function choosePayment(
  order: Order,
  payments: StoredPayment[],
  { amount }: RefundSplit,
  asked: string | undefined,
): StoredPayment | undefined {
  const leftOf = (p: StoredPayment) => p.amount_captured - p.amount_refunded - p.amount_refunding;
  const chosen = payments.findLast((p) => leftOf(p) >= amount && (asked === undefined || asked === p.id));
  if (chosen) return chosen;
  const recorded = order.amount_paid - order.amount_refunded -
    payments.reduce((sum, p) => sum + p.amount_captured - p.amount_refunded, 0);
  if (asked === undefined && recorded >= amount) return undefined;
  throw refundRefused([{
    pointer: asked === undefined ? "/amount" : "/payment_id",
    code: "no_payment_with_enough",
    message: `No ${asked === undefined ? "single " : "such "}payment has ${amount} left to be refunded.`,
    payments: payments.map((p) => ({ payment_id: p.id, refundable: leftOf(p) })),
    recorded,
  }]);
}
