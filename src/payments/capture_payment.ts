import { lockOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { failedState } from "./charge.ts";
import { getPayment } from "./create_payment.ts";
import { getProvider } from "./get_provider.ts";
import { isOver, nextCheck, openAmount, paymentRefused, type StoredPayment } from "./payment.ts";
import { ProviderError } from "./providers/provider.ts";
import {
  endCapture,
  findPayment,
  findPendingCapture,
  insertCapture,
  lockPayments,
  updatePayments,
} from "./queries.ts";
import { recordCharge } from "./record_charge.ts";

/**
 * Captures what is reserved, all or a part of it.
 *
 * @throws not_found, payment_refused, provider_unavailable where nobody knows yet whether it was done: the sweeper asks
 */
export async function capturePayment(
  ctx: Ctx,
  input: { id: string; amount?: number },
  idempotency: Idempotency | undefined,
): Promise<Outcome<StoredPayment>> {
  const payment = await getPayment(ctx, input.id);
  const { value: capture, replayed } = await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const order = (await lockOrder(tx, payment.order_id))!;
      const [locked] = await lockPayments(tx, [payment.id]);
      if (await findPendingCapture(tx, payment.id)) throw captureUnderWay();
      if (isOver(order)) {
        const message = `The order is ${order.status}: what is reserved for it is let go.`;
        throw paymentRefused({ pointer: "", code: "order_is_over", message });
      }
      const open = openAmount(locked!);
      const amount = input.amount ?? open;
      if (open === 0 || amount > open) {
        throw paymentRefused({
          pointer: "/amount",
          code: "more_than_authorised",
          message: `${open} are reserved and not captured.`,
          capturable: open,
        });
      }
      const capture = { id: newId(), payment_id: payment.id, amount, status: "pending" as const };
      await insertCapture(tx, ctx, capture);
      // If the process ends before the provider has answered, the sweeper asks again with the same id.
      await updatePayments(tx, [nextCheck(ctx.clock.now(), locked!)]);
      return capture;
    }));
  if (replayed) return { value: (await findPayment(ctx.sql, payment.id))!, replayed };
  return { value: await sendCapture(ctx, payment, capture), replayed };
}

/** Sends a stored capture to its provider, again if need be. @throws payment_refused, provider_unavailable */
export async function sendCapture(
  ctx: Ctx,
  payment: StoredPayment,
  capture: { id: string; amount: number },
): Promise<StoredPayment> {
  const provider = getProvider(ctx, payment.provider);
  try {
    const state = await provider.capture({
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
    if (error.kind === "unknown") throw notAnswered(error);
    await endCapture(ctx.sql, ctx, capture.id, "failed", error.message);
    throw paymentRefused({ pointer: "", code: error.code, message: error.message });
  }
}

/** Lets go of what is reserved. @throws not_found, payment_refused, provider_unavailable */
export async function voidPayment(ctx: Ctx, id: string): Promise<StoredPayment> {
  const payment = await getPayment(ctx, id);
  if (payment.status === "voided") return payment;
  if (payment.status === "captured" || payment.status === "failed") {
    throw paymentRefused({
      pointer: "",
      code: "not_open",
      message: `A payment that is ${payment.status} cannot be voided.`,
    });
  }
  const provider = getProvider(ctx, payment.provider);
  try {
    if (payment.provider_reference === null) {
      const found = await provider.find({ id: payment.id, reference: null });
      if (!found) {
        return await recordCharge(
          ctx,
          payment,
          failedState(payment, "voided", "It was voided before it was charged."),
        );
      }
      payment.provider_reference = found.reference;
    }
    const reference = payment.provider_reference;
    return await recordCharge(
      ctx,
      payment,
      await provider.void({ id: payment.id, reference }),
    );
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    if (error.kind === "unknown") throw notAnswered(error);
    throw paymentRefused({ pointer: "", code: error.code, message: error.message });
  }
}

function captureUnderWay(): AppError {
  return paymentRefused({
    pointer: "",
    code: "capture_under_way",
    message: "Another capture of this payment has not been answered yet.",
  });
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
