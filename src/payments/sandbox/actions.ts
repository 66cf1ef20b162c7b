import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type ChargeState, type DisputeState, ProviderError } from "../providers/provider.ts";
import type { Sandbox, SandboxAction } from "../providers/sandbox.ts";
import { paymentRefused } from "../payment.ts";
import { findPaymentByReference } from "../queries.ts";
import { refundRefused } from "../refunds/refund.ts";
import { receiveWebhook } from "../webhooks/webhooks.ts";

/** What the sandbox calls its charges. */
const REFERENCE = /^sandbox_[0-9a-f-]{36}$/;

/** @throws not_found where there is no sandbox, or none that would call a charge so */
function getSandbox({ providers: { sandbox } }: Ctx, reference: string): Sandbox {
  if (!sandbox || !REFERENCE.test(reference)) throw notFound("address");
  return sandbox;
}

/** The 3-D Secure check that a charge waits for, or waited for. @throws not_found */
export async function getAction(ctx: Ctx, reference: string): Promise<SandboxAction> {
  const action = await getSandbox(ctx, reference).findAction(reference);
  if (!action) throw notFound("3-D Secure check");
  return action;
}

/**
 * The customer passes the check or refuses it; once decided it stays. The shop is told by the page that the customer comes
 * back to, if they do, and by webhook.
 *
 * @returns the check, and where the customer goes next with the payment's id; null: the payment named no address
 * @throws not_found
 */
export async function confirmAction(
  ctx: Ctx,
  reference: string,
  outcome: "success" | "fail",
): Promise<{ action: SandboxAction; next: string | null }> {
  const sandbox = getSandbox(ctx, reference);
  await getAction(ctx, reference);
  await sandbox.confirmAction(reference, outcome);
  await sendWebhook(ctx, sandbox, "charge.confirmed", reference);
  const action = await getAction(ctx, reference);
  const payment = await findPaymentByReference(ctx.sql, sandbox.name, reference);
  if (action.returnUrl === null) return { action, next: null };
  const next = new URL(action.returnUrl);
  if (payment) next.searchParams.set("payment_id", payment.id);
  return { action, next: next.href };
}

/** The bank makes up its mind about a charge that is processing, and tells us by webhook. @throws not_found */
export async function settleCharge(
  ctx: Ctx,
  reference: string,
): Promise<{ reference: string; status: ChargeState["status"] }> {
  const sandbox = getSandbox(ctx, reference);
  const state = await sandbox.settle(reference);
  if (!state) throw notFound("charge");
  await sendWebhook(ctx, sandbox, "charge.settled", reference);
  return { reference, status: state.status };
}

/**
 * Somebody refunds a charge at the bank, as in a provider's dashboard, and the bank tells us by webhook.
 *
 * @throws not_found, refund_refused for more than the bank has left
 */
export async function refundAtBank(
  ctx: Ctx,
  reference: string,
  amount: number | undefined,
): Promise<{ reference: string; amount_captured: number; amount_refunded: number }> {
  const sandbox = getSandbox(ctx, reference);
  const state = await sandbox.refundAtBank(reference, amount).catch((error) => {
    if (!(error instanceof ProviderError)) throw error;
    throw refundRefused([{ pointer: "/amount", code: error.code, message: error.message }]);
  });
  if (!state) throw notFound("charge");
  await sendWebhook(ctx, sandbox, "charge.refunded", reference);
  return { reference, amount_captured: state.amountCaptured, amount_refunded: state.amountRefunded };
}

/**
 * The customer asks the bank for their money back, or the bank decides about that, and tells us by webhook.
 *
 * @throws not_found, payment_refused where the charge's dispute cannot be so
 */
export async function disputeCharge(
  ctx: Ctx,
  charge: string,
  to: { status: DisputeState["status"]; amount?: number },
): Promise<Pick<DisputeState, "reference" | "status" | "amount"> & { charge: string }> {
  const sandbox = getSandbox(ctx, charge);
  const dispute = await sandbox.dispute(charge, to, ctx.clock.now()).catch((error) => {
    if (!(error instanceof ProviderError)) throw error;
    throw paymentRefused({ pointer: "/status", code: error.code, message: error.message });
  });
  if (!dispute) throw notFound("charge");
  await sendWebhook(ctx, sandbox, "charge.disputed", charge);
  const { reference, status, amount } = dispute;
  return { reference, charge, status, amount };
}

async function sendWebhook(ctx: Ctx, sandbox: Sandbox, type: string, reference: string): Promise<void> {
  const { body, headers } = sandbox.signWebhook({ type, reference }, ctx.clock.now());
  await receiveWebhook(ctx, {
    provider: sandbox.name,
    body: new TextEncoder().encode(body),
    headers: new Headers(headers),
  });
}
