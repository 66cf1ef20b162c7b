import type { Ctx } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import type { StoredPayment } from "./payment.ts";
import { type PaymentProvider, ProviderError } from "./providers/provider.ts";
import { recordCharge } from "./record_charge.ts";

/** @throws payment_refused where there is no such provider */
export function getProvider({ providers: { byName } }: Ctx, name: string): PaymentProvider {
  const provider = byName.get(name);
  if (provider) return provider;
  const known = [...byName.keys()];
  throw new AppError("payment_refused", "There is no such payment provider.", {
    errors: [{
      pointer: "/provider",
      code: "unknown_provider",
      message: known.length > 0 ? `must be ${known.join(" or ")}` : "none is set up",
      providers: known,
    }],
  });
}

/**
 * Asks the provider to charge a stored payment, and records what it says. A charge that was not answered stays `created`
 * and in doubt: the sweeper asks what became of it. Repeating it never charges twice.
 */
export async function chargePayment(ctx: Ctx, payment: StoredPayment): Promise<StoredPayment> {
  const provider = getProvider(ctx, payment.provider);
  try {
    const state = await provider.charge({
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
    if (error.kind === "unknown") return payment;
    return await recordCharge(ctx, payment, failedState(payment, error.code, error.message));
  }
}

/**
 * Asks the provider how a payment stands, and records it. Undefined where the provider never heard of it.
 *
 * @throws ProviderError
 */
export async function askAboutPayment(
  ctx: Ctx,
  payment: StoredPayment,
  signal?: AbortSignal,
): Promise<StoredPayment | undefined> {
  const provider = getProvider(ctx, payment.provider);
  const { id, provider_reference: reference } = payment;
  const state = await provider.find({ id, reference }, signal);
  return state && await recordCharge(ctx, payment, state);
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
