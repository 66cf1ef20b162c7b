import type { Dispute } from "../disputes/dispute.ts";

/** What a payment is to a provider. Amounts in minor units of the currency. */
export interface ChargeRequest {
  /** Our payment's id; also the idempotency key: the same id never charges twice. */
  id: string;
  orderId: string;
  amount: number;
  currency: string;
  /** The provider's own token of what to charge (`tok_…`, `pm_…`). */
  paymentMethod: string;
  captureMethod: "automatic" | "manual";
  /** Where the customer comes back to after a redirect. */
  returnUrl?: string;
}

/** A payment as its provider knows it now. */
export interface ChargeState {
  reference: string;
  status: "requires_action" | "processing" | "authorised" | "captured" | "failed" | "voided";
  /** Reserved on the customer's account, captured or not. */
  amountAuthorised: number;
  amountCaptured: number;
  /** What went back, by refunds or as a dispute was lost. */
  amountRefunded: number;
  /** Said where it is asked how the charge stands, and there are any. */
  disputes?: readonly DisputeState[];
  /** Where the customer goes next, while it requires action. */
  redirectUrl?: string;
  failure?: { code: string; message: string };
}

/** A dispute of a charge: the customer's bank asks for its money back. */
export interface DisputeState extends Pick<Dispute, "status" | "reason"> {
  reference: string;
  /** In the charge's currency. */
  amount: number;
  /** Until when evidence is taken, in ISO 8601. */
  evidenceDueBy?: string;
}

/** A webhook that was verified: what it says happened to what. Its state is asked of the provider, never believed. */
export interface ProviderEvent {
  /** The provider's own id of the event, to tell repeats by. */
  id: string;
  type: string;
  /** The charge that it is about; undefined where it is about something else. */
  reference?: string;
  /** Our own id of it, where the provider gives it back: the reference may be new to us. */
  paymentId?: string;
}

/**
 * How a call to a provider failed. `unknown`: it may have been done all the same, so ask again with the same id. `not_asked`:
 * the provider is left alone for a while, so nothing was done.
 */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  constructor(
    readonly kind: "refused" | "unknown" | "not_asked",
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * A payment provider. Every call is safe to repeat with the same id, may time out after it was done, and happens outside
 * of any transaction. A declined card is a state (`failed`), not an error.
 *
 * @throws ProviderError by each call but `verifyWebhook`
 */
export interface PaymentProvider {
  readonly name: string;
  charge(request: ChargeRequest, signal?: AbortSignal): Promise<ChargeState>;
  /** What became of a charge, by our id or by its reference; undefined if the provider never heard of it. */
  find(
    payment: { id: string; reference: string | null },
    signal?: AbortSignal,
  ): Promise<ChargeState | undefined>;
  /** Takes all or a part of what is authorised. Where a provider can do that only once, the rest is let go. */
  capture(
    capture: { id: string; reference: string; amount: number; currency: string },
    signal?: AbortSignal,
  ): Promise<ChargeState>;
  void(payment: { id: string; reference: string }, signal?: AbortSignal): Promise<ChargeState>;
  refund(
    refund: { id: string; reference: string; amount: number; currency: string; reason: string },
    signal?: AbortSignal,
  ): Promise<{ reference: string; status: "pending" | "succeeded" | "failed"; failure?: string }>;
  /** Verifies signature and time over the raw bytes. Undefined: not from the provider, or too old. */
  verifyWebhook(body: Uint8Array, headers: Headers, now: Date): ProviderEvent | undefined;
}
