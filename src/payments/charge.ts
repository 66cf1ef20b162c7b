import type { Ctx } from "../platform/ctx.ts";
import { bookForeign } from "./book_foreign.ts";
import { providerOf } from "./get_provider.ts";
import { refundedByProvider, type StoredPayment } from "./payment.ts";
import { ProviderError } from "./providers/provider.ts";
import { recordCharge } from "./record_charge.ts";
import { countFailedRefunds } from "./refunds/queries.ts";

/**
 * Asks the provider to charge a stored payment, and records what it says. A charge that was not answered stays `created`
 * and in doubt: the sweeper asks what became of it. One that was not even sent, as the provider is left alone, has failed,
 * and the customer may pay in another way at once. Repeating it never charges twice.
 *
 * @param isFirst whether nobody can have sent this charge before
 */
export async function chargePayment(
  ctx: Ctx,
  payment: StoredPayment,
  { isFirst }: { isFirst: boolean },
): Promise<StoredPayment> {
  try {
    const state = await providerOf(ctx, payment).charge({
      id: payment.id,
      orderId: payment.order_id,
      amount: payment.amount,
      currency: payment.currency,
      paymentMethod: payment.payment_method,
      captureMethod: payment.capture_method,
      returnUrl: payment.return_url ?? undefined,
    });
    return await recordCharge(ctx, payment, state);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const isKnown = error.kind === "refused" || (error.kind === "not_asked" && isFirst);
    if (!isKnown) return payment;
    return await recordCharge(ctx, payment, failedState(payment, error.code, error.message));
  }
}

/**
 * Asks the provider how a payment stands, and records it, also what went back without us and what is disputed. A refund that came back after it
 * was booked is logged, for people to give it by another way. Undefined where the provider never heard of the payment.
 *
 * @throws ProviderError
 */
export async function askAboutPayment(
  ctx: Ctx,
  payment: StoredPayment,
  signal?: AbortSignal,
): Promise<StoredPayment | undefined> {
  const provider = providerOf(ctx, payment);
  const { id, provider_reference: reference } = payment;
  // What was not captured yet had nothing to be refunded.
  const failedRefunds = payment.amount_captured > 0 ? await countFailedRefunds(ctx.sql, id) : 0;
  const state = await provider.find({ id, reference }, signal);
  if (!state) return undefined;
  // It was booked before the provider was asked: a refund to a closed account, say, comes back.
  if (state.amountRefunded < refundedByProvider(payment)) {
    ctx.log.error("a provider says that a refund came back", {
      payment_id: id,
      order_id: payment.order_id,
    });
  }
  const recorded = await recordCharge(ctx, payment, state);
  const known = refundedByProvider(recorded) + recorded.amount_refunding;
  if (state.amountRefunded <= known && !state.disputes) return recorded;
  return await bookForeign(ctx, recorded, { ...state, failedRefunds });
}

/** What a provider that refused it, or never heard of it, would say. */
export function failedState(payment: StoredPayment, code: string, message: string) {
  return {
    reference: payment.provider_reference ?? "",
    status: "failed" as const,
    amountAuthorised: 0,
    amountCaptured: 0,
    amountRefunded: 0,
    failure: { code, message },
  };
}
