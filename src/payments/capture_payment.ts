import { lockOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { type Sql, transaction, type Tx } from "../platform/db.ts";
import { AppError, type RequireSame } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { askAboutPayment, failedState } from "./charge.ts";
import { getPayment, refreshPayment } from "./create_payment.ts";
import { providerOf } from "./get_provider.ts";
import {
  FIRST_CHECK_MS,
  isOver,
  nextCheck,
  openAmount,
  paymentRefused,
  paymentView,
  refuseCapture,
  refuseVoid,
  type StoredPayment,
  wrongState,
} from "./payment.ts";
import { ProviderError } from "./providers/provider.ts";
import {
  beginCheck,
  type Capture,
  endCapture,
  findCapture,
  findPayment,
  findPendingCapture,
  insertCapture,
  lockPayments,
  updatePayments,
} from "./queries.ts";
import { recordCharge } from "./record_charge.ts";

/** The `failure_code` of a payment that was voided before its provider had heard of it. */
const GIVEN_UP = "voided";

/**
 * Captures what is reserved, all or a part of it.
 *
 * @throws not_found, version_mismatch, capture_under_way, invalid_transition, payment_refused, provider_unavailable where
 *   nobody knows yet whether it was done: the sweeper asks
 */
export async function capturePayment(
  ctx: Ctx,
  input: { id: string; amount?: number; requireSame: RequireSame },
  idempotency: Idempotency | undefined,
): Promise<Outcome<StoredPayment>> {
  const payment = await getPayment(ctx, input.id);
  const { value: capture, replayed } = await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const order = (await lockOrder(tx, payment.order_id))!;
      const [locked] = await lockPayments(tx, [payment.id]);
      input.requireSame(paymentView(locked!));
      await refuseWhileCapturing(tx, payment.id);
      if (isOver(order)) {
        const message = `The order is ${order.status}: what is reserved for it is let go.`;
        throw wrongState({ pointer: "path/id", code: "order_is_over", message });
      }
      refuseCapture(locked!);
      const open = openAmount(locked!);
      const amount = input.amount ?? open;
      if (amount > open) {
        throw paymentRefused({
          pointer: "/amount",
          code: "more_than_authorised",
          message: `${open} are reserved and not captured.`,
          capturable: open,
        });
      }
      const capture: Capture = {
        id: newId(),
        payment_id: payment.id,
        amount,
        status: "pending",
        failure_message: null,
      };
      await insertCapture(tx, ctx, capture);
      // If the process ends before the provider has answered, the sweeper asks again with the same id.
      await updatePayments(tx, [nextCheck(ctx.clock.now(), locked!)]);
      return capture;
    }));
  // A replay goes on where the first call was cut off, and is refused as that was.
  const { status, failure_message } = replayed ? (await findCapture(ctx.sql, capture.id))! : capture;
  if (status === "failed") {
    refuseCapture((await findPayment(ctx.sql, payment.id))!);
    throw captureRefused("capture_failed", failure_message ?? "The provider refused it.");
  }
  if (status === "succeeded") return { value: (await findPayment(ctx.sql, payment.id))!, replayed };
  return { value: await sendCapture(ctx, payment, capture), replayed };
}

/** Sends a stored capture to its provider, again if need be. @throws as {@link capturePayment} */
export async function sendCapture(
  ctx: Ctx,
  payment: StoredPayment,
  capture: { id: string; amount: number },
): Promise<StoredPayment> {
  try {
    const state = await providerOf(ctx, payment).capture({
      id: capture.id,
      reference: payment.provider_reference!,
      amount: capture.amount,
      currency: payment.currency,
    });
    const recorded = await recordCharge(ctx, payment, state);
    await endCapture(ctx.sql, ctx, capture.id, "succeeded");
    return recorded;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    if (error.kind !== "refused") throw notAnswered(error);
    await endCapture(ctx.sql, ctx, capture.id, "failed", error.message);
    // What is refused is not as we know it: somebody has voided it, it has lapsed, or was captured at the provider itself.
    refuseCapture(await refreshPayment(ctx, payment));
    throw captureRefused(error.code, error.message);
  }
}

/**
 * Lets go of a payment: of what it has reserved, or while it still waits for its customer or its provider. The provider
 * decides whether that is in time. Where it is not, what has come of the payment is recorded, and the refusal says it.
 *
 * @throws not_found, version_mismatch, invalid_transition, capture_under_way, payment_refused, provider_unavailable
 */
export async function voidPayment(
  ctx: Ctx,
  { id, requireSame }: { id: string; requireSame?: RequireSame },
): Promise<StoredPayment> {
  const known = await getPayment(ctx, id);
  requireSame?.(paymentView(known));
  if (isVoided(known)) return known;
  refuseVoid(ctx.actor, known);
  let payment = known;
  try {
    if (known.provider_reference === null) payment = await findOrGiveUp(ctx, known);
    if (isVoided(payment)) return payment;
    requireSame?.(paymentView(payment));
    refuseVoid(ctx.actor, payment);
    const reference = payment.provider_reference!;
    const state = await providerOf(ctx, payment).void({ id: payment.id, reference });
    return await recordCharge(ctx, payment, state);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    if (error.kind !== "refused") {
      await beginCheck(ctx.sql, nextCheck(ctx.clock.now(), payment));
      throw notAnswered(error);
    }
    const after = await refreshPayment(ctx, payment);
    if (isVoided(after)) return after;
    refuseVoid(ctx.actor, after);
    await refuseWhileCapturing(ctx.sql, after.id);
    throw paymentRefused({ pointer: "path/id", code: error.code, message: error.message });
  }
}

/** Was it let go of, or given up before its provider had heard of it? */
function isVoided({ status, failure_code }: StoredPayment): boolean {
  return status === "voided" || (status === "failed" && failure_code === GIVEN_UP);
}

/** What came of a charge that was not answered; one that its provider never heard of is given up. */
async function findOrGiveUp(ctx: Ctx, payment: StoredPayment): Promise<StoredPayment> {
  const found = await askAboutPayment(ctx, payment);
  if (found) return found;
  if (ctx.clock.now().getTime() - new Date(payment.created_at).getTime() < FIRST_CHECK_MS) {
    throw new ProviderError("unknown", "charge_under_way", "The charge may be on its way to the provider.");
  }
  const givenUp = failedState(payment, GIVEN_UP, "It was voided before it was charged.");
  return await recordCharge(ctx, payment, givenUp);
}

/**
 * The capture before may have done what this caller is about to: there is no `Retry-After`, as they are to look first.
 *
 * @throws capture_under_way
 */
async function refuseWhileCapturing(sql: Sql | Tx, paymentId: string): Promise<void> {
  const pending = await findPendingCapture(sql, paymentId);
  if (!pending) return;
  const { amount } = pending;
  const message =
    `A capture of ${amount} has not been answered yet. Read the payment again before you go on.`;
  throw new AppError("capture_under_way", message, {
    errors: [{ pointer: "path/id", code: "capture_under_way", message, amount }],
  });
}

function captureRefused(code: string, message: string): AppError {
  return paymentRefused({ pointer: "", code, message });
}

function notAnswered(cause: ProviderError): AppError {
  return new AppError(
    "provider_unavailable",
    "The payment provider does not answer. It will be asked again.",
    {
      retryAfterSeconds: 30,
      cause,
    },
  );
}
