import {
  booked,
  cancelUnits,
  changingOrder,
  lockOrder,
  type Order,
  refundOf,
  writeOrders,
} from "../../orders/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import type { Tx } from "../../platform/db.ts";
import { appendEvents } from "../../platform/events.ts";
import { paymentRefunded, refundFailed, refundSucceeded } from "../events.ts";
import { providerOf } from "../get_provider.ts";
import { settleOrder } from "../jobs.ts";
import { noteWebhook } from "../webhooks/note_webhook.ts";
import { isManual, paymentView, type StoredPayment } from "../payment.ts";
import { ProviderError } from "../providers/provider.ts";
import { findPayment, lockPayments, updatePayments } from "../queries.ts";
import { asTaken, nextAttempt, type Refund, takenParts } from "./refund.ts";
import { lockFollowers, lockRefund, updateRefund } from "./queries.ts";

/** What a provider said of a refund. */
interface Said {
  status: "pending" | "succeeded" | "failed";
  reference?: string;
  failure?: string;
  /** Was it the provider who said so? Else nobody was asked, or it is left alone for a while. */
  isAsked?: boolean;
}

/**
 * Asks the provider to give the money of a reserved refund back, and records what it says; those that follow it are next.
 * What it does not answer to is tried again later, with the same id, so that it is never given twice; where it was not even
 * asked that is soon, and counts as no attempt. What is done already is left alone.
 */
export async function sendRefund(ctx: Ctx, refund: Refund): Promise<Refund> {
  if (refund.status !== "pending") return refund;
  const said = refund.manual
    ? { status: "succeeded" as const }
    : await askProvider(ctx, (await findPayment(ctx.sql, refund.payment_id!))!, refund);
  const { settled, followers } = await changingOrder(ctx, async (tx, written) => {
    const order = (await lockOrder(tx, refund.order_id))!;
    const [payment] = refund.payment_id === null ? [] : await lockPayments(tx, [refund.payment_id]);
    const before = (await lockRefund(tx, refund.id))!;
    if (before.status !== "pending") return { settled: before, followers: [] };
    const settled = await settleRefund(tx, ctx, order, payment, before, said, written);
    if (settled.status === "pending") return { settled, followers: [] };
    if (payment) await askAgain(tx, ctx, payment, settled);
    const followers = await releaseFollowers(tx, ctx, order, settled, written);
    // What failed had been reserved while the order was settled: only now is it there to be given back.
    if (settled.status === "failed" && order.amount_due < 0) {
      await ctx.jobs.enqueue(tx, settleOrder, [{ order_id: order.id }]);
    }
    return { settled, followers };
  });
  ctx.jobs.announce();
  for (const follower of followers) await sendRefund(ctx, follower);
  return settled;
}

/** What follows a refund is due when it has succeeded, and fails with it. Gives those that are due. */
async function releaseFollowers(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  { id, status }: Refund,
  written: (order: Order) => void,
): Promise<Refund[]> {
  const due: Refund[] = [];
  for (const follower of await lockFollowers(tx, id)) {
    if (status === "succeeded") {
      const next = { ...follower, next_attempt_at: ctx.clock.now().toISOString() };
      await updateRefund(tx, next);
      due.push(next);
    } else {
      const [payment] = follower.payment_id === null ? [] : await lockPayments(tx, [follower.payment_id]);
      const failed = { status: "failed" as const, failure: "The refund that it follows has failed." };
      const ended = await settleRefund(tx, ctx, order, payment, follower, failed, written);
      if (payment) await askAgain(tx, ctx, payment, ended);
    }
  }
  return due;
}

/** While ours was under way, what somebody refunded at the provider itself could not be told from it. */
async function askAgain(tx: Tx, ctx: Ctx, payment: StoredPayment, refund: Refund): Promise<void> {
  if (isManual(payment)) return;
  const { id, provider } = payment;
  await noteWebhook(tx, ctx, provider, {
    id: `refund-${refund.id}`,
    type: `refund.${refund.status}`,
    paymentId: id,
  });
}

async function askProvider(ctx: Ctx, payment: StoredPayment, refund: Refund): Promise<Said> {
  // A process of the release before began it, which takes staff for a provider: it would be asked for ever.
  if (isManual(payment)) {
    return { status: "failed", failure: "No provider holds this money: staff give it back." };
  }
  try {
    const said = await providerOf(ctx, payment).refund({
      id: refund.id,
      reference: payment.provider_reference!,
      amount: refund.amount,
      currency: refund.currency,
      reason: refund.reason,
    });
    return { ...said, isAsked: true };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return {
      status: error.kind === "refused" ? "failed" : "pending",
      failure: error.message,
      isAsked: error.kind !== "not_asked",
    };
  }
}

/** Records how a refund ended, or that it did not: its row, its payment's amounts, the order and its ledger, the events. */
export async function settleRefund(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  payment: StoredPayment | undefined,
  before: Refund,
  said: Said,
  written: (order: Order) => void,
): Promise<Refund> {
  const now = ctx.clock.now();
  const attempts = before.attempts + (said.isAsked ? 1 : 0);
  const succeeded = said.status === "succeeded";
  const refund: Refund = {
    ...succeeded ? asTaken(order, before) : before,
    status: said.status,
    attempts,
    provider_reference: said.reference ?? before.provider_reference,
    failure_message: said.failure ?? null,
    next_attempt_at: said.status === "pending" ? nextAttempt(now, said.isAsked ? attempts : 0) : null,
    version: before.version + 1,
    updated_at: now.toISOString(),
  };
  await updateRefund(tx, refund);
  if (refund.status === "pending") return refund;
  const after = payment && {
    ...payment,
    amount_refunding: payment.amount_refunding - refund.amount,
    amount_refunded: payment.amount_refunded + (succeeded ? refund.amount : 0),
    amount_refunded_manually: payment.amount_refunded_manually +
      (succeeded && refund.manual ? refund.amount : 0),
    ...succeeded && { version: payment.version + 1, updated_at: refund.updated_at },
  };
  if (after) await updatePayments(tx, [after]);
  if (succeeded) {
    const of = { payment_id: payment?.id, refund_id: refund.id, reason: refund.reason };
    const transactions = refund.amount === 0
      ? []
      : [refundOf(order, refund.amount, takenParts(order, refund), of)];
    // What comes back has left; other refunds of units take first what has not.
    const { items, units } = refund.return_id === null ? cancelUnits(order, refund.items) : order;
    // Units that cost nothing, and have left, change nothing of the order.
    if (transactions.length > 0 || units !== order.units) {
      const write = booked(ctx, order, transactions, { items, units });
      written(write.order);
      await writeOrders(tx, ctx, [write]);
    }
  }
  await tellOfRefund(tx, ctx, order, after, refund);
  return refund;
}

async function tellOfRefund(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  payment: StoredPayment | undefined,
  refund: Refund,
): Promise<void> {
  const succeeded = refund.status === "succeeded";
  await appendEvents(tx, ctx, [
    {
      event: succeeded ? refundSucceeded : refundFailed,
      aggregateId: refund.id,
      userId: order.user_id,
      data: refund,
    },
    ...payment && succeeded
      ? [{
        event: paymentRefunded,
        aggregateId: payment.id,
        userId: order.user_id,
        data: paymentView(payment),
      }]
      : [],
  ]);
}
