import { createHmac } from "node:crypto";
import Stripe from "stripe";
import type { PaymentsConfig } from "../../config.ts";
import type { Clock } from "../../platform/clock.ts";
import { madeAt } from "../../platform/id.ts";
import {
  type ChargeRequest,
  type ChargeState,
  type DisputeState,
  type PaymentProvider,
  ProviderError,
  type ProviderEvent,
} from "./provider.ts";
import { fromStripeAmount, toStripeAmount } from "./stripe_amounts.ts";

const WEBHOOK_TOLERANCE_S = 300;
/** Stripe says that what was done is found by a search within a minute, and within an hour in an outage of theirs. */
const SEARCHABLE_AFTER_MS = 60 * 60_000;
/** Without it an intent names its charge and does not say what was refunded. */
const EXPAND = { expand: ["latest_charge"] };

/**
 * Stripe, by Payment Intents. Our ids are its idempotency keys: it answers the first call's result, errors of its own
 * included, for 24 hours at least, and afterwards might do the same thing again. So captures, voids and refunds also
 * recognise what they did by the id in its metadata, and so does `find`.
 */
export function createStripe(
  { secretKey, webhookSecret, apiBase }: NonNullable<PaymentsConfig["stripe"]>,
  clock: Clock,
): PaymentProvider {
  /** Of one call, since the library's own calls take no signal. */
  const client = (signal?: AbortSignal) =>
    new Stripe(secretKey, {
      ...apiBase && addressOf(apiBase),
      httpClient: Stripe.createFetchHttpClient(fetchWith(signal)),
      maxNetworkRetries: 0,
      telemetry: false,
    });
  return {
    name: "stripe",
    charge: (request, signal) => charge(client(signal), request),
    find: ({ id, reference }, signal) =>
      reference === null ? search(client(signal), id, clock.now()) : retrieve(client(signal), reference),
    capture: (capture, signal) => captureIntent(client(signal), capture),
    void: (payment, signal) => cancel(client(signal), payment),
    refund: (refund, signal) => refundIntent(client(signal), refund),
    verifyWebhook: (body, headers, now) => verifyWebhook(body, headers, webhookSecret, now),
  };
}

/** Fetches until the library's own time limit or this signal ends it. */
function fetchWith(signal?: AbortSignal): typeof fetch {
  return (input: RequestInfo | URL, init?: RequestInit) =>
    fetch(input, {
      ...init,
      signal: AbortSignal.any([signal, init?.signal].filter((each) => each instanceof AbortSignal)),
    });
}

function addressOf(apiBase: string): Pick<Stripe.StripeConfig, "host" | "port" | "protocol"> {
  const { protocol, hostname, port } = new URL(apiBase);
  const isSecure = protocol === "https:";
  return { host: hostname, port: port || (isSecure ? 443 : 80), protocol: isSecure ? "https" : "http" };
}

async function charge(stripe: Stripe, request: ChargeRequest): Promise<ChargeState> {
  const { id, orderId, amount, currency, paymentMethod, captureMethod, returnUrl } = request;
  const params: Stripe.PaymentIntentCreateParams = {
    amount: toStripeAmount(amount, currency),
    currency: currency.toLowerCase(),
    payment_method: paymentMethod,
    capture_method: captureMethod,
    confirm: true,
    metadata: { order_id: orderId, payment_id: id },
    // With no way back from a redirect, what needs one is declined instead of left hanging.
    ...returnUrl ? { return_url: returnUrl } : {
      error_on_requires_action: true,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    },
    ...EXPAND,
  };
  try {
    return stateOf(await stripe.paymentIntents.create(params, { idempotencyKey: id }));
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError && error.payment_intent) {
      return stateOf(error.payment_intent);
    }
    throw providerError(error);
  }
}

async function retrieve(stripe: Stripe, reference: string): Promise<ChargeState | undefined> {
  try {
    return await withDisputes(stripe, await stripe.paymentIntents.retrieve(reference, EXPAND));
  } catch (error) {
    if (isCode(error, "resource_missing")) return undefined;
    throw providerError(error);
  }
}

/**
 * Finds a charge whose answer we never got. Repeating `charge` with the same id says more, and at once: Stripe's search
 * lags behind, so not to be found means nothing until the payment is old enough. It is what remains once the
 * idempotency key may have expired, when repeating might charge twice.
 *
 * @throws ProviderError `unknown` where nothing is found of a payment that is too young for that to mean anything
 */
async function search(stripe: Stripe, id: string, now: Date): Promise<ChargeState | undefined> {
  const query = `metadata['payment_id']:'${id}'`;
  try {
    const { data } = await stripe.paymentIntents.search({ query, limit: 1, expand: ["data.latest_charge"] });
    if (data[0]) return await withDisputes(stripe, data[0]);
  } catch (error) {
    throw providerError(error);
  }
  if (now.getTime() - madeAt(id) < SEARCHABLE_AFTER_MS) {
    throw new ProviderError(
      "unknown",
      "not_searchable_yet",
      "Stripe's search may not know of the payment yet.",
    );
  }
  return undefined;
}

async function captureIntent(
  stripe: Stripe,
  { id, reference, amount, currency }: Parameters<PaymentProvider["capture"]>[0],
): Promise<ChargeState> {
  const params = {
    amount_to_capture: toStripeAmount(amount, currency),
    metadata: { capture_id: id },
    ...EXPAND,
  };
  try {
    return stateOf(await stripe.paymentIntents.capture(reference, params, { idempotencyKey: id }));
  } catch (error) {
    const intent = intentInTheWay(error);
    if (intent?.status === "succeeded" && intent.metadata.capture_id === id) return stateOf(intent);
    throw providerError(error);
  }
}

async function cancel(
  stripe: Stripe,
  { reference }: Parameters<PaymentProvider["void"]>[0],
): Promise<ChargeState> {
  try {
    // Under no key of ours: cancelling twice cancels once, but under a key Stripe would repeat for a day that it was too early.
    return stateOf(await stripe.paymentIntents.cancel(reference));
  } catch (error) {
    const intent = intentInTheWay(error);
    if (intent?.status === "canceled") return stateOf(intent);
    throw providerError(error);
  }
}

/** What Stripe says is there, where that is why it refuses. */
function intentInTheWay(error: unknown): Stripe.PaymentIntent | undefined {
  return isCode(error, "payment_intent_unexpected_state") ? error.payment_intent : undefined;
}

async function refundIntent(
  stripe: Stripe,
  { id, reference, amount, currency, reason }: Parameters<PaymentProvider["refund"]>[0],
): ReturnType<PaymentProvider["refund"]> {
  const params = {
    payment_intent: reference,
    amount: toStripeAmount(amount, currency),
    metadata: { refund_id: id, reason },
  };
  try {
    const refund = await findRefund(stripe, reference, id) ??
      await stripe.refunds.create(params, { idempotencyKey: id });
    return refundState(refund);
  } catch (error) {
    throw providerError(error);
  }
}

/** A list, unlike a search, is up to date. */
async function findRefund(
  stripe: Stripe,
  intent: string,
  id: string,
): Promise<Stripe.Refund | undefined> {
  for await (const refund of stripe.refunds.list({ payment_intent: intent, limit: 100 })) {
    if (refund.metadata?.refund_id === id) return refund;
  }
}

function refundState({ id, status, failure_reason }: Stripe.Refund) {
  switch (status) {
    case "succeeded":
      return { reference: id, status: "succeeded" as const };
    case "failed":
    case "canceled":
      return { reference: id, status: "failed" as const, failure: failure_reason ?? status };
    default:
      return { reference: id, status: "pending" as const };
  }
}

function stateOf(intent: Stripe.PaymentIntent): ChargeState {
  const { id, currency, amount_received, amount_capturable, latest_charge, last_payment_error } = intent;
  const ours = (amount: number) => fromStripeAmount(amount, currency);
  const refunded = typeof latest_charge === "object" && latest_charge ? refundedOf(latest_charge) : 0;
  const status = statusOf(intent);
  const redirectUrl = intent.next_action?.redirect_to_url?.url;
  return {
    reference: id,
    status,
    amountAuthorised: ours(amount_received + amount_capturable),
    amountCaptured: ours(amount_received),
    amountRefunded: ours(refunded),
    ...status === "requires_action" && redirectUrl && { redirectUrl },
    ...status === "failed" && { failure: failureOf(last_payment_error ?? {}) },
  };
}

/** How an intent stands, with what its customer's bank wants back of it: a charge says only that it is disputed. */
async function withDisputes(stripe: Stripe, intent: Stripe.PaymentIntent): Promise<ChargeState> {
  const state = stateOf(intent);
  const { latest_charge: charge } = intent;
  if (typeof charge !== "object" || !charge?.disputed) return state;
  const disputes: DisputeState[] = [];
  for await (const dispute of stripe.disputes.list({ payment_intent: intent.id, limit: 100 })) {
    disputes.push(disputeOf(dispute, intent));
  }
  const lost = disputes.reduce((sum, { status, amount }) => sum + (status === "lost" ? amount : 0), 0);
  return { ...state, amountRefunded: state.amountRefunded + lost, disputes };
}

function disputeOf(
  { id, status, amount, currency, reason, evidence_details }: Stripe.Dispute,
  intent: Stripe.PaymentIntent,
): DisputeState {
  if (currency !== intent.currency) {
    const message = `Stripe says that ${id} is in ${currency}, and its payment in ${intent.currency}.`;
    throw new ProviderError("unknown", "dispute_in_another_currency", message);
  }
  return {
    reference: id,
    status: disputeStatus(id, status),
    amount: fromStripeAmount(amount, currency),
    reason,
    ...evidence_details.due_by && { evidenceDueBy: new Date(evidence_details.due_by * 1000).toISOString() },
  };
}

/** https://docs.stripe.com/api/disputes/object#dispute_object-status: while an appeal is open the money stays away. */
function disputeStatus(id: string, status: Stripe.Dispute["status"]): DisputeState["status"] {
  switch (status) {
    case "warning_needs_response":
    case "warning_under_review":
      return "inquiry";
    case "needs_response":
    case "appeal_needs_response":
      return "needs_response";
    case "under_review":
    case "appeal_under_review":
      return "under_review";
    case "won":
      return "won";
    case "lost":
      return "lost";
    case "warning_closed":
    case "prevented":
      return "closed";
    default:
      throw new ProviderError("unknown", "unexpected_status", `Stripe says that ${id} is ${status}.`);
  }
}

/** Stripe counts what a capture or a void let go of as refunded too: that was never ours to give back. */
function refundedOf({ amount, amount_captured, amount_refunded }: Stripe.Charge): number {
  return Math.max(0, amount_refunded - (amount - amount_captured));
}

function statusOf({ id, status }: Stripe.PaymentIntent): ChargeState["status"] {
  switch (status) {
    case "requires_action":
      return "requires_action";
    case "processing":
      return "processing";
    case "requires_capture":
      return "authorised";
    case "succeeded":
      return "captured";
    case "canceled":
      return "voided";
    // We confirm as we create, so that method has been tried.
    case "requires_payment_method":
      return "failed";
    default:
      throw new ProviderError("unknown", "unexpected_status", `Stripe says that ${id} is ${status}.`);
  }
}

function failureOf(error: { code?: string; decline_code?: string; message?: string }) {
  return {
    code: error.decline_code || error.code || "payment_failed",
    message: error.message ?? "The payment failed.",
  };
}

function isCode(error: unknown, code: string): error is InstanceType<typeof Stripe.errors.StripeError> {
  return error instanceof Stripe.errors.StripeError && error.code === code;
}

/**
 * Only what Stripe refused to begin is `refused`. A mistake with the key of ours is not: once that is put right the same
 * call works. Neither is a repeat with other parameters, as the first one may have been done.
 */
function providerError(error: unknown): unknown {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  const { StripeInvalidRequestError, StripeCardError, StripeAuthenticationError, StripePermissionError } =
    Stripe.errors;
  if (error instanceof StripeAuthenticationError || error instanceof StripePermissionError) {
    return new ProviderError("unknown", "provider_key_refused", "Stripe refuses STRIPE_SECRET_KEY.", {
      cause: error,
    });
  }
  const isRefusal = error instanceof StripeInvalidRequestError || error instanceof StripeCardError;
  return new ProviderError(isRefusal ? "refused" : "unknown", codeOf(error), error.message, { cause: error });
}

function codeOf(error: InstanceType<typeof Stripe.errors.StripeError>): string {
  if (error instanceof Stripe.errors.StripeConnectionError) return "connection_failed";
  if (error instanceof Stripe.errors.StripeRateLimitError) return "rate_limit";
  return error.code ?? error.rawType ?? "api_error";
}

/** The library's own for Deno is asynchronous. */
class HmacProvider extends Stripe.CryptoProvider {
  override computeHMACSignature(payload: string, secret: string): string {
    return createHmac("sha256", secret).update(payload).digest("hex");
  }
}

function verifyWebhook(
  body: Uint8Array,
  headers: Headers,
  secret: string,
  now: Date,
): ProviderEvent | undefined {
  const signature = headers.get("stripe-signature");
  if (!signature) return undefined;
  let event: Stripe.Event;
  try {
    event = Stripe.webhooks.constructEvent(
      body,
      signature,
      secret,
      WEBHOOK_TOLERANCE_S,
      new HmacProvider(),
      now.getTime(),
    );
  } catch {
    return undefined;
  }
  return { id: event.id, type: event.type, reference: intentOf(event.data.object) };
}

/** The intent that an event is about: it itself, or that of a charge, refund or dispute. */
function intentOf(object: object): string | undefined {
  const { object: kind, id, payment_intent: of } = object as {
    object?: string;
    id?: string;
    payment_intent?: string | { id: string } | null;
  };
  if (kind === "payment_intent") return id;
  return (typeof of === "object" ? of?.id : of) ?? undefined;
}
