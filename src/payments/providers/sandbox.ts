import { grouped } from "../../platform/batch.ts";
import { type Sql, violates } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import {
  type ChargeRequest,
  type ChargeState,
  type DisputeState,
  type PaymentProvider,
  ProviderError,
} from "./provider.ts";
import {
  captureCharge,
  countFailedRefunds,
  decideCharge,
  findCharge,
  findChargeByReference,
  findDispute,
  findOperation,
  insertCharges,
  insertDispute,
  insertFailedRefund,
  moveDispute,
  refundCharge,
  type SandboxCharge,
  type SandboxDispute,
  voidCharge,
} from "./sandbox_queries.ts";
import { type SandboxWebhook, signSandboxWebhook, verifySandboxWebhook } from "./sandbox_webhook.ts";

/** The provider, and what only a bank of one's own can do: decide when it is told to. */
export interface Sandbox extends PaymentProvider {
  /** What the page of a 3-D Secure check shows; undefined if there never was one of this reference. */
  findAction(reference: string): Promise<SandboxAction | undefined>;
  /** The customer passes the check or not; answered as it stands where that was decided before. */
  confirmAction(reference: string, outcome: "success" | "fail"): Promise<ChargeState | undefined>;
  /** The bank makes up its mind about a `tok_late`; answered as it stands where it had. */
  settle(reference: string): Promise<ChargeState | undefined>;
  /**
   * Somebody gives money back at the bank itself, and the shop knows nothing of it: all that is left unless said.
   * Undefined if there never was such a charge.
   *
   * @throws ProviderError for more than is left
   */
  refundAtBank(reference: string, amount?: number): Promise<ChargeState | undefined>;
  /**
   * The customer asks the bank for their money back, or the bank decides about that: opens the charge's one dispute, or moves
   * it on. What is lost is refunded. Undefined if there never was such a charge.
   *
   * @throws ProviderError where that is not possible
   */
  dispute(
    reference: string,
    to: { status: DisputeState["status"]; amount?: number },
    now: Date,
  ): Promise<DisputeState | undefined>;
  /** A message as the bank would send it to `/v1/payment-webhooks/sandbox`. The same `id` again makes a repeat. */
  signWebhook(event: { id?: string; type: string; reference: string }, now: Date): SandboxWebhook;
}

export interface SandboxAction {
  reference: string;
  status: ChargeState["status"];
  amount: number;
  currency: string;
  returnUrl: string | null;
}

/** How a charge begins, by the token of the payment method. */
const BEGINNINGS = new Map<string, "paid" | "failed" | "requires_action" | "processing">([
  ["tok_success", "paid"],
  ["tok_refund_fails", "paid"],
  ["tok_refund_refused", "paid"],
  ["tok_timeout_after_charge", "paid"],
  ["tok_decline", "failed"],
  ["tok_insufficient_funds", "failed"],
  ["tok_3ds", "requires_action"],
  ["tok_late", "processing"],
]);

/** Why a charge has failed, where it has, by the same. */
const FAILURES: Record<string, ChargeState["failure"]> = {
  tok_decline: { code: "card_declined", message: "The card was declined." },
  tok_insufficient_funds: { code: "insufficient_funds", message: "The account has too little money." },
  tok_3ds: { code: "authentication_failed", message: "The customer did not pass the 3-D Secure check." },
};

/** How often each refund of a `tok_refund_fails` fails before it succeeds. */
const FAILING_REFUNDS = 2;
/** How long the bank takes evidence. */
const EVIDENCE_MS = 7 * 86_400_000;
const TROUBLED_REFUNDS = ["tok_refund_fails", "tok_refund_refused"];

/**
 * A provider with a bank of its own in two tables, for development, tests and demonstrations: it moves no money. The
 * token of the payment method decides what happens:
 *
 * | token                      | what happens                                                                     |
 * | -------------------------- | -------------------------------------------------------------------------------- |
 * | `tok_success`              | captured, or authorised where captures are manual                                |
 * | `tok_decline`              | failed: `card_declined`                                                          |
 * | `tok_insufficient_funds`   | failed: `insufficient_funds`                                                     |
 * | `tok_3ds`                  | the customer's turn, at `/sandbox/3ds/{reference}`; then like `tok_success`, or failed |
 * | `tok_late`                 | processing until the bank settles it; then like `tok_success`                    |
 * | `tok_timeout_after_charge` | like `tok_success`, but the first call hears nothing of it                       |
 * | `tok_error_500`            | each call fails, and nothing was done                                            |
 * | `tok_refund_fails`         | like `tok_success`; each refund fails twice before it succeeds                   |
 * | `tok_refund_refused`       | like `tok_success`; the bank refuses each refund                                 |
 *
 * @param secret of the webhooks: `whsec_` and base64
 */
export function createSandbox(sql: Sql, secret: string): Sandbox {
  const decide = async (decision: Parameters<typeof decideCharge>[1]) => {
    const charge = await decideCharge(sql, decision) ?? await findChargeByReference(sql, decision.reference);
    return charge && stateOf(charge);
  };
  const insert = grouped((charges: readonly SandboxCharge[]) => insertCharges(sql, charges), {
    slots: 2,
    maxSize: 32,
  });
  return {
    name: "sandbox",
    charge: (request) => charge(sql, insert, request),
    async find({ id }) {
      // In this order: what is lost is told as refunded only together with its dispute, or the next time.
      const found = await findCharge(sql, id);
      const dispute = found && await findDispute(sql, id);
      return found && { ...stateOf(found), ...dispute && { disputes: [disputeState(dispute)] } };
    },
    async capture({ id, reference, amount, currency }) {
      const capture = { id, charge: reference, amount, currency, reference: `cap_${newId()}` };
      return stateOf(await doOnce(sql, capture, "capture", () => captureCharge(sql, capture)));
    },
    async void({ id, reference }) {
      const release = { id, charge: reference, reference: `void_${newId()}` };
      return stateOf(await doOnce(sql, release, "void", () => voidCharge(sql, release)));
    },
    refund: (request) => refund(sql, request),
    verifyWebhook: (body, headers, now) => verifySandboxWebhook(secret, body, headers, now),
    signWebhook: (event, now) => signSandboxWebhook(secret, event, now),
    async findAction(reference) {
      const found = await findChargeByReference(sql, reference);
      if (!found || BEGINNINGS.get(found.payment_method) !== "requires_action") return undefined;
      const { status, amount, currency, return_url } = found;
      return { reference, status, amount, currency, returnUrl: return_url };
    },
    async confirmAction(reference, outcome) {
      const found = await findChargeByReference(sql, reference);
      const end = outcome === "fail" ? { to: "failed" as const, amountCaptured: 0 } : found && paid(found);
      return end && await decide({ reference, from: "requires_action", ...end });
    },
    async settle(reference) {
      const found = await findChargeByReference(sql, reference);
      return found && await decide({ reference, from: "processing", ...paid(found) });
    },
    dispute: (reference, to, now) => dispute(sql, reference, to, now),
    refundAtBank: (reference, amount) => refundAtBank(sql, reference, amount),
  };
}

type Insert = (charge: SandboxCharge) => Promise<SandboxCharge | undefined>;

async function charge(sql: Sql, insert: Insert, request: ChargeRequest): Promise<ChargeState> {
  const { id, paymentMethod, amount, currency, captureMethod } = request;
  if (paymentMethod === "tok_error_500") {
    throw new ProviderError("unknown", "api_error", "The bank answered with an error.");
  }
  const beginning = BEGINNINGS.get(paymentMethod);
  if (!beginning) {
    const tokens = [...BEGINNINGS.keys(), "tok_error_500"].join(", ");
    throw new ProviderError("refused", "invalid_payment_method", `The sandbox knows the tokens ${tokens}.`);
  }
  const { to: status, amountCaptured } = beginning === "paid"
    ? paid({ amount, capture_method: captureMethod })
    : { to: beginning, amountCaptured: 0 };
  const inserted = await insert({
    id,
    reference: `sandbox_${newId()}`,
    payment_method: paymentMethod,
    currency,
    amount,
    status,
    capture_method: captureMethod,
    return_url: request.returnUrl ?? null,
    amount_captured: amountCaptured,
    amount_refunded: 0,
  });
  if (inserted && paymentMethod === "tok_timeout_after_charge") {
    throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
  }
  return stateOf(inserted ?? await repeatedCharge(sql, request));
}

/** @throws ProviderError where the id has been used for another charge: a mistake of ours, not a repeat */
async function repeatedCharge(sql: Sql, request: ChargeRequest): Promise<SandboxCharge> {
  const found = await findCharge(sql, request.id);
  const isSame = found?.amount === request.amount && found.currency === request.currency &&
    found.payment_method === request.paymentMethod && found.capture_method === request.captureMethod;
  if (found && isSame) return found;
  throw new ProviderError("unknown", "idempotency_key_reuse", "This id stands for another charge.");
}

function paid(charge: Pick<SandboxCharge, "amount" | "capture_method">) {
  return charge.capture_method === "automatic"
    ? { to: "captured" as const, amountCaptured: charge.amount }
    : { to: "authorised" as const, amountCaptured: 0 };
}

/** Does an operation unless that has been done. @throws ProviderError if it cannot be done */
async function doOnce(
  sql: Sql,
  { id, charge }: { id: string; charge: string },
  verb: string,
  work: () => Promise<SandboxCharge | undefined>,
): Promise<SandboxCharge> {
  const changed = await work().catch(ignoreDone);
  if (changed) return changed;
  const [operation, found] = await Promise.all([findOperation(sql, id), findChargeByReference(sql, charge)]);
  if (!found) throw new ProviderError("refused", "no_such_charge", "The bank knows no such charge.");
  // What has been let go of altogether may be let go of again, by whomever.
  if (operation || (verb === "void" && found.status === "voided")) return found;
  throw new ProviderError("refused", "charge_unexpected_state", refusal(verb, found));
}

/** The operation was done before, perhaps a moment ago: then nothing of it was done again. */
function ignoreDone(error: unknown): undefined {
  if (!violates(error, "sandbox_operations_pkey")) throw error;
}

function refusal(
  verb: string,
  { status, currency, amount, amount_captured, amount_refunded }: SandboxCharge,
) {
  return `The bank cannot ${verb} that: the charge is ${status}; of ${amount} ${currency} ${amount_captured} are ` +
    `captured and ${amount_refunded} refunded.`;
}

async function refund(sql: Sql, request: Parameters<PaymentProvider["refund"]>[0]) {
  const { id, reference: charge, amount, currency } = request;
  const refund = { id, charge, amount, currency, reference: `refund_${newId()}` };
  const isDone = await refundCharge(sql, refund, TROUBLED_REFUNDS).catch(ignoreDone);
  if (isDone) return { reference: refund.reference, status: "succeeded" as const };
  const found = await findChargeByReference(sql, charge);
  if (found?.payment_method === "tok_refund_refused") {
    return { reference: `refund_${id}`, status: "failed" as const, failure: "The bank refused the refund." };
  }
  if (found?.payment_method === "tok_refund_fails") await failAtFirst(sql, found.id, id);
  await doOnce(sql, refund, "refund", () => refundCharge(sql, refund, []));
  const operation = await findOperation(sql, id);
  return { reference: operation!.reference, status: "succeeded" as const };
}

async function failAtFirst(sql: Sql, chargeId: string, refundId: string): Promise<void> {
  if (await countFailedRefunds(sql, { chargeId, refundId }) >= FAILING_REFUNDS) return;
  await insertFailedRefund(sql, { id: newId(), chargeId, refundId });
  throw new ProviderError("unknown", "api_error", "The bank answered with an error.");
}

async function refundAtBank(sql: Sql, charge: string, asked?: number): Promise<ChargeState | undefined> {
  const found = await findChargeByReference(sql, charge);
  if (!found) return undefined;
  const amount = asked ?? found.amount_captured - found.amount_refunded;
  if (amount === 0) return stateOf(found);
  const refund = { id: newId(), charge, amount, currency: found.currency, reference: `refund_${newId()}` };
  return stateOf(await doOnce(sql, refund, "refund", () => refundCharge(sql, refund, [])));
}

async function dispute(
  sql: Sql,
  reference: string,
  { status, amount }: { status: DisputeState["status"]; amount?: number },
  now: Date,
): Promise<DisputeState | undefined> {
  const charge = await findChargeByReference(sql, reference);
  if (!charge) return undefined;
  const open = await findDispute(sql, charge.id);
  const done = open ? await moveDispute(sql, charge.id, status) : await insertDispute(sql, {
    charge_id: charge.id,
    reference: `dispute_${newId()}`,
    status,
    amount: amount ?? charge.amount_captured - charge.amount_refunded,
    reason: "fraudulent",
    evidence_due_by: new Date(now.getTime() + EVIDENCE_MS).toISOString(),
  });
  if (done) return disputeState(done);
  throw new ProviderError(
    "refused",
    "dispute_not_possible",
    open
      ? `The dispute is ${open.status}, of ${open.amount}: it cannot be ${status}. ${
        refusal("dispute", charge)
      }`
      : refusal("dispute", charge),
  );
}

function disputeState({ reference, status, amount, reason, evidence_due_by }: SandboxDispute): DisputeState {
  return { reference, status, amount, reason, evidenceDueBy: evidence_due_by };
}

/** What is captured stays reserved; what is not, only while it may still be captured. */
function stateOf(charge: SandboxCharge): ChargeState {
  const { reference, status, amount_captured, amount_refunded } = charge;
  return {
    reference,
    status,
    amountAuthorised: status === "authorised" ? charge.amount : amount_captured,
    amountCaptured: amount_captured,
    amountRefunded: amount_refunded,
    ...status === "requires_action" && { redirectUrl: `/sandbox/3ds/${reference}` },
    ...status === "failed" && { failure: FAILURES[charge.payment_method] },
  };
}
