import { lockLevels } from "../../inventory/mod.ts";
import {
  changingOrder,
  findRefundable,
  lockOrder,
  lockReadableOrder,
  type Order,
  type RefundParts,
  shippableLines,
} from "../../orders/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import type { Tx } from "../../platform/db.ts";
import { appendEvents } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../../platform/idempotency.ts";
import { refundCreated } from "../events.ts";
import { heldByBanks, isManual, leftAmount, type StoredPayment } from "../payment.ts";
import { listPayments, lockPayments, updatePayments } from "../queries.ts";
import {
  type AskRefund,
  nextAttempt,
  owedPart,
  type Refund,
  type RefundFacts,
  refundRefused,
  type RefundSplit,
  shareOut,
  splitRefund,
  takenParts,
} from "./refund.ts";
import { findRefund, insertRefund, listPastRefunds } from "./queries.ts";
import { sendRefund, settleRefund } from "./send_refund.ts";

/**
 * Refunds an order, all of what was paid, an amount, units of lines, or the shipping alone. What it takes is reserved on the
 * payment before the provider hears of it, so that however many refunds are asked for at once, never more goes back than came
 * in.
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
      const order = await lockReadableOrder(tx, ctx, input.orderId);
      return await beginRefund(tx, ctx, order, input.ask, written);
    }));
  // A replay goes on where the first call was cut off.
  const refund = replayed ? (await findRefund(ctx.sql, value.id))! : value;
  return { value: await sendRefund(ctx, refund), replayed };
}

/**
 * Reserves a refund of an order whose row the caller holds, and tells the log. `sendRefund` comes after the commit. Where
 * no single payment has enough, the others give their shares in refunds that follow the first. What staff give back
 * themselves is done with that.
 *
 * @returns the one that names the units
 */
export async function beginRefund(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  ask: AskRefund & { return_id?: string; dispute_id?: string },
  written: (order: Order) => void,
): Promise<Refund> {
  const payments = await lockPayments(tx, (await listPayments(tx, order.id)).map(({ id }) => id));
  const facts = await factsOf(tx, order, payments, ask);
  const split = splitRefund(facts, ask);
  const givers = chooseGivers(facts, payments, split, ask);
  const shares = shareOut(split, givers.map(({ amount }) => amount));
  const draft = (index: number, follows: string | null) =>
    newRefund(ctx, order, { ...ask, follows }, shares[index]!, givers[index]!.payment);
  const first = draft(0, null);
  const begun = [first, ...shares.slice(1).map((_, index) => draft(index + 1, first.id))];
  for (const [index, refund] of begun.entries()) {
    await reserveRefund(tx, ctx, order, refund, givers[index]!.payment);
  }
  if (!first.manual) return first;
  // The last may end the order, which frees what has not left: a second move, of levels that may come before the first's.
  if (begun.length > 1) await lockLevels(tx, order.items.map(({ sku }) => sku));
  const done = [];
  for (const refund of begun) done.push(await recordRefund(tx, ctx, refund, written));
  return done[0]!;
}

/** Records a reserved refund whose money went back already. The caller holds its order's row. */
export async function recordRefund(
  tx: Tx,
  ctx: Ctx,
  refund: Refund,
  written: (order: Order) => void,
): Promise<Refund> {
  const order = (await lockOrder(tx, refund.order_id))!;
  const [payment] = refund.payment_id === null ? [] : await lockPayments(tx, [refund.payment_id]);
  return await settleRefund(tx, ctx, order, payment, refund, { status: "succeeded" }, written);
}

function newRefund(
  ctx: Ctx,
  order: Order,
  ask: { reason: string; manual?: boolean; return_id?: string; dispute_id?: string; follows: string | null },
  split: RefundSplit,
  payment: StoredPayment | undefined,
): Refund {
  const now = ctx.clock.now();
  // Money that no provider holds only staff can give back.
  const byStaff = ask.manual === true || payment === undefined || isManual(payment);
  return {
    id: newId(),
    order_id: order.id,
    payment_id: payment?.id ?? null,
    return_id: ask.return_id ?? null,
    dispute_id: ask.dispute_id ?? null,
    follows: ask.follows,
    currency: order.currency,
    amount: split.amount,
    goods_amount: split.parts.goods,
    shipping_amount: split.parts.shipping,
    duty_amount: split.parts.duty,
    tax_amount: split.parts.tax,
    items: split.items.map(({ line, quantity }) => {
      const { sku } = order.items.find((item) => item.line === line)!;
      return { line, sku, quantity };
    }),
    reason: ask.reason,
    manual: byStaff,
    status: "pending",
    provider_reference: null,
    failure_message: null,
    attempts: 0,
    next_attempt_at: byStaff || ask.follows !== null ? null : nextAttempt(now, 0),
    version: 1,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
  };
}

async function reserveRefund(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  refund: Refund,
  payment: StoredPayment | undefined,
): Promise<void> {
  await insertRefund(tx, ctx, refund);
  if (payment) {
    await updatePayments(tx, [{
      ...payment,
      amount_refunding: payment.amount_refunding + refund.amount,
    }]);
  }
  await appendEvents(tx, ctx, [{
    event: refundCreated,
    aggregateId: refund.id,
    sequence: 1,
    userId: order.user_id,
    data: refund,
  }]);
}

async function factsOf(
  tx: Tx,
  order: Order,
  payments: readonly StoredPayment[],
  { return_id }: { return_id?: string },
): Promise<RefundFacts> {
  const refunds = await listPastRefunds(tx, order.id);
  const left = await findRefundable(tx, order.id);
  const isToSend = return_id === undefined && (order.status === "PAID" || order.status === "PROCESSING");
  const pending = refunds.filter(({ status }) => status === "pending");
  const less = (amount: (refund: Refund) => number) =>
    pending.reduce((sum, refund) => sum + amount(refund), 0);
  const refunding = less((r) => r.amount);
  const disputed = payments.reduce((sum, payment) => sum + heldByBanks(payment), 0);
  const unitsUnderWay = pending.flatMap(({ items, return_id }) => return_id === null ? items : []);
  const leftOf = (part: keyof RefundParts) => left[part] - less((r) => takenParts(order, r)[part]);
  return {
    order: { ...order, amount_due: order.amount_due + less((r) => owedPart(order, r)) },
    left: { goods: leftOf("goods"), shipping: leftOf("shipping"), duty: leftOf("duty"), tax: leftOf("tax") },
    money: order.amount_paid - order.amount_refunded - refunding - disputed,
    refunding,
    disputed,
    unsent: isToSend ? shippableLines(order, { amount: refunding, items: unitsUnderWay }) : [],
    refunds,
  };
}

/** A payment, or without one the money that staff recorded or none at all, and what it gives. */
interface Giver {
  payment?: StoredPayment;
  amount: number;
}

/** Who gives the money back: the first that has enough left, else as many as it takes, the first of them first. */
function chooseGivers(
  { money }: RefundFacts,
  payments: StoredPayment[],
  { amount }: RefundSplit,
  { payment_id: asked, manual = false }: Pick<AskRefund, "payment_id" | "manual">,
): Giver[] {
  if (amount === 0) return [{ amount }];
  const givers = inTurn(payments, money, manual);
  const chosen = givers.find((giver) =>
    giver.amount >= amount && (asked === undefined || asked === giver.payment?.id)
  );
  if (chosen) return [{ ...chosen, amount }];
  if (asked !== undefined) {
    throw refundRefused([{
      pointer: "/payment_id",
      code: "no_payment_with_enough",
      message: `No such payment has ${amount} left to be refunded.`,
      payments: givers.flatMap(({ payment, amount }) =>
        payment ? [{ payment_id: payment.id, refundable: amount }] : []
      ),
    }]);
  }
  let left = amount;
  return givers.flatMap((giver) => {
    const given = Math.min(left, giver.amount);
    left -= given;
    return given > 0 ? [{ ...giver, amount: given }] : [];
  });
}

/**
 * What each has left to give: payments, the latest first, and what the books have beside them, which staff recorded. What staff
 * hold themselves comes after what providers hold, so that it never waits for one; what staff give back anyway is taken from it
 * first.
 */
function inTurn(payments: StoredPayment[], money: number, byStaff: boolean): Giver[] {
  const having = payments.toReversed().map((payment): Required<Giver> => ({
    payment,
    amount: leftAmount(payment),
  }));
  const ofProviders = having.filter(({ payment }) => !isManual(payment));
  const recorded = having.reduce((left, { amount }) => left - amount, money);
  const ofStaff = [...having.filter(({ payment }) => isManual(payment)), { amount: recorded }];
  return byStaff ? [...ofStaff, ...ofProviders] : [...ofProviders, ...ofStaff];
}
