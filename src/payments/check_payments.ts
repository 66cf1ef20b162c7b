import { findOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { isUnavailable } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { errorFields, type LogFields } from "../platform/log.ts";
import { sendCapture, voidPayment } from "./capture_payment.ts";
import { askAboutPayment, failedState } from "./charge.ts";
import { isFinal, nextCheck, type StoredPayment, wantsNothing } from "./payment.ts";
import { ProviderError } from "./providers/provider.ts";
import {
  endCheck,
  findPendingCapture,
  listDuePayments,
  postponeCheck,
  takeBackPostponing,
} from "./queries.ts";
import { recordCharge } from "./record_charge.ts";
import { nextAttempt, type Refund } from "./refunds/refund.ts";
import { listDueRefunds, postponeRefund } from "./refunds/queries.ts";
import { sendRefund } from "./refunds/send_refund.ts";

const AT_ONCE = 50;
/** After so long a charge that its provider never heard of is not under way any more. */
const LOST_AFTER_MS = 10 * 60_000;

/** Who is left alone in this round: what is due there waits as it is for the next one. */
type LeftAlone = Set<string | null>;

/** Asks providers about payments in doubt, the longest first, and tries refunds again that were not answered. */
export async function checkDuePayments(ctx: Ctx, signal: AbortSignal): Promise<void> {
  const noCharges: LeftAlone = new Set();
  const noRefunds: LeftAlone = new Set();
  for (let mayBeMore = true; mayBeMore && !signal.aborted;) {
    const payments = await listDuePayments(ctx.sql, ctx.clock.now(), [...noCharges], AT_ONCE);
    await inTurn(
      payments,
      noCharges,
      signal,
      (payment) => quietly(ctx, { payment_id: payment.id }, () => checkPayment(ctx, payment, signal)),
    );
    const refunds = await listDueRefunds(ctx.sql, ctx.clock.now(), [...noRefunds], AT_ONCE);
    await inTurn(
      refunds,
      noRefunds,
      signal,
      (refund) => quietly(ctx, { refund_id: refund.id }, () => retryRefund(ctx, refund)),
    );
    ctx.bell.ring("waybill_events");
    mayBeMore = payments.length === AT_ONCE || refunds.length === AT_ONCE;
  }
}

/** What a provider was asked; or it was not, as its breaker is open. */
type Asked = "asked" | "left alone";

/** One after the other, until it is to stop. Who was left alone once is not tried again for others. */
async function inTurn<Due extends { provider: string | null }>(
  due: Due[],
  leftAlone: LeftAlone,
  signal: AbortSignal,
  ask: (due: Due) => Promise<Asked>,
): Promise<void> {
  for (const each of due) {
    if (signal.aborted) return;
    if (leftAlone.has(each.provider)) continue;
    if (await ask(each) === "left alone") leftAlone.add(each.provider);
  }
}

async function checkPayment(ctx: Ctx, payment: StoredPayment, signal: AbortSignal): Promise<Asked> {
  // First of all, so that one that cannot be answered does not hold up the others.
  const postponed = nextCheck(ctx.clock.now(), payment);
  await postponeCheck(ctx.sql, postponed);
  try {
    await askWhatIsInDoubt(ctx, payment, postponed, signal);
  } catch (error) {
    if (!wasLeftAlone(error)) throw error;
    await takeBackPostponing(ctx.sql, payment, postponed);
    return "left alone";
  }
  return "asked";
}

function wasLeftAlone(error: unknown): boolean {
  const said = error instanceof AppError ? error.cause : error;
  return said instanceof ProviderError && said.kind === "not_asked";
}

/** What of this payment is in doubt? A capture is sent again with its id; else the provider says how the charge stands. */
async function askWhatIsInDoubt(
  ctx: Ctx,
  payment: StoredPayment,
  postponed: StoredPayment,
  signal: AbortSignal,
): Promise<void> {
  const capture = await findPendingCapture(ctx.sql, payment.id);
  if (capture) return void await sendCapture(ctx, payment, capture);
  const found = await askAboutPayment(ctx, payment, signal);
  if (found) {
    const isOpen = found.status === "requires_action" || found.status === "authorised";
    const after = isOpen ? await giveUpUnlessWanted(ctx, found) : found;
    if (after.status === "authorised" || isFinal(after.status)) await endCheck(ctx.sql, postponed);
    return;
  }
  if (isFinal(payment.status)) return await endCheck(ctx.sql, postponed);
  const age = ctx.clock.now().getTime() - new Date(payment.created_at).getTime();
  if (payment.status !== "created" || age < LOST_AFTER_MS) return;
  await recordCharge(
    ctx,
    payment,
    failedState(payment, "never_received", "The provider never heard of this payment."),
  );
}

/** Nobody is to pay any more for an order that wants no money; else a customer who left would be waited for for ever. */
async function giveUpUnlessWanted(ctx: Ctx, payment: StoredPayment): Promise<StoredPayment> {
  const order = await findOrder(ctx.sql, payment.order_id);
  return order && wantsNothing(order) ? await voidPayment(ctx, { id: payment.id }) : payment;
}

async function retryRefund(ctx: Ctx, refund: Refund): Promise<Asked> {
  await postponeRefund(ctx.sql, {
    ...refund,
    next_attempt_at: nextAttempt(ctx.clock.now(), refund.attempts),
  });
  const { status, attempts } = await sendRefund(ctx, refund);
  return status === "pending" && attempts === refund.attempts ? "left alone" : "asked";
}

/** One that fails says so in the log, and leaves the others their turn. */
async function quietly(ctx: Ctx, which: LogFields, work: () => Promise<Asked>): Promise<Asked> {
  try {
    return await work();
  } catch (error) {
    if (isUnavailable(error)) throw error;
    ctx.log.warn("a payment or refund stays in doubt", { ...which, ...errorFields(error) });
    return "asked";
  }
}
