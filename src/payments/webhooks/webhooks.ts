import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { AppError, notFound } from "../../platform/errors.ts";
import { askAboutPayment } from "../charge.ts";
import { noteWebhook } from "./note_webhook.ts";
import { endWebhook, findPayment, findPaymentByReference, findWebhook } from "../queries.ts";

/**
 * Takes what a provider tells: verified over its raw bytes and its time, remembered once, and answered before anything is
 * done about it. What it says is not believed but asked for, so neither order nor number of webhooks matters.
 *
 * @throws not_found for an unknown provider, invalid_signature
 */
export async function receiveWebhook(
  ctx: Ctx,
  input: { provider: string; body: Uint8Array; headers: Headers },
): Promise<void> {
  const provider = ctx.providers.byName.get(input.provider);
  if (!provider) throw notFound("payment provider");
  const event = provider.verifyWebhook(input.body, input.headers, ctx.clock.now());
  if (!event) {
    throw new AppError("invalid_signature", "The signature does not fit the body, or is too old.");
  }
  await transaction(ctx.sql, (tx) => noteWebhook(tx, ctx, provider.name, event));
  ctx.jobs.announce();
}

/**
 * Works on a webhook: asks the provider how the payment stands that it is about. One that after a day is still of none that is
 * known here is somebody else's at the same provider, and done with.
 *
 * @param isLast whether it is tried no more if it fails now
 * @throws Error while nobody knows
 */
export async function workOnWebhook(
  ctx: Ctx,
  provider: string,
  eventId: string,
  isLast = false,
): Promise<void> {
  const webhook = await findWebhook(ctx.sql, provider, eventId);
  if (!webhook) return;
  const { reference, payment_id } = webhook;
  if (reference !== null || payment_id !== null) {
    const payment = (reference !== null && await findPaymentByReference(ctx.sql, provider, reference)) ||
      (payment_id !== null && await findPayment(ctx.sql, payment_id));
    // The answer to its charge may be on its way still: the job comes again.
    if (!payment && !isLast) throw new Error(`No payment is called ${reference} by ${provider} yet.`);
    if (payment) await askAboutPayment(ctx, payment);
    else {
      ctx.log.warn("a provider told of a payment that is none of ours", {
        dependency: provider,
        payment_id: payment_id ?? undefined,
        provider_reference: reference ?? undefined,
      });
    }
  }
  await endWebhook(ctx.sql, ctx, provider, eventId);
}
