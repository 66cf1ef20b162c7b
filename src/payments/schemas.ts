import { z } from "@hono/zod-openapi";
import { PageQuery } from "../http/pagination.ts";
import { Amount, Currency, Id, text, Timestamp, uniqueText } from "../http/schemas.ts";
import { PAYMENT_STATUSES } from "./payment.ts";

/** How a charge stands at its provider. */
const CHARGE_STATUSES = [
  "requires_action",
  "processing",
  "authorised",
  "captured",
  "failed",
  "voided",
] as const;

const Provider = z.string().regex(/^[a-z_]{1,40}$/, "must be the name of a payment provider, such as stripe")
  .openapi({
    description:
      "The name of a payment provider; `manual`: staff recorded that the money came in without one",
    example: "sandbox",
  });

export const PaymentBody = z.strictObject({
  provider: Provider,
  payment_method: text(1, 255).openapi({
    description:
      "The provider's own token of what to charge, at Stripe `pm_…`; never a card number. The sandbox does what the token " +
      "says: " +
      "`tok_success` is captured, or authorised where `capture_method` is manual; `tok_decline` and " +
      "`tok_insufficient_funds` fail; `tok_3ds` sends the customer to `redirect_url`; `tok_late` is processing until " +
      "the sandbox is told to settle it; `tok_timeout_after_charge` is charged, and the first answer is lost; " +
      "`tok_error_500` is not charged, and each call fails; `tok_refund_fails`: each refund fails twice before it " +
      "succeeds; `tok_refund_refused`: each refund is refused",
    example: "tok_success",
  }),
  amount: z.int().min(1).optional().openapi({ description: "What is due unless said", example: 2998 }),
  capture_method: z.enum(["automatic", "manual"]).default("automatic").openapi({
    description: "`manual`: the amount is only reserved, and staff capture it",
  }),
  return_url: z.url({ protocol: /^https?$/, error: "must be an http(s) address" }).max(2000).optional()
    .openapi({
      description:
        "Where the customer comes back to after a redirect; without it Stripe declines what needs one, such as 3-D Secure. " +
        "What comes back with them says which payment it was: `payment_id` of the sandbox, of Stripe `payment_intent`, the " +
        "`provider_reference`. Ask by POST /v1/payments/{id}/refresh what became of it",
    }),
}).openapi("CreatePayment");

export const ManualPaymentBody = z.strictObject({
  amount: z.int().min(1).optional().openapi({ description: "What is due unless said", example: 1500 }),
  reference: uniqueText(255).optional().openapi({
    description:
      "What the bank's statement calls it, to be the payment's `provider_reference`, in Unicode's form NFC. Each is recorded " +
      "once: the second is refused, whoever tries",
    example: "2026-02-02/0042",
  }),
}).openapi("RecordManualPayment");

export const PaymentSchema = z.object({
  id: Id,
  order_id: Id,
  provider: Provider,
  status: z.enum(PAYMENT_STATUSES).openapi({
    description:
      "created: the provider has not answered yet, and will be asked; requires_action: send the customer to redirect_url; " +
      "processing: the provider decides later; authorised: reserved; captured; failed; voided",
  }),
  currency: Currency,
  amount: Amount,
  capture_method: z.enum(["automatic", "manual"]),
  amount_authorised: Amount.openapi({ description: "Reserved, captured or not" }),
  amount_captured: Amount,
  amount_refunding: Amount.openapi({
    description:
      "Refunds under way. The refunds' own events tell when it changes: the payment has neither an event nor a new version of it",
  }),
  amount_refunded: Amount.openapi({ description: "Refunds that succeeded" }),
  amount_refunded_manually: Amount.openapi({
    description: "Of that, what staff gave back themselves: the provider knows nothing of it",
  }),
  amount_disputed: Amount.openapi({
    description:
      "What the customer's bank holds of it while disputes are open: it cannot be refunded. The disputes' own events tell when it " +
      "changes, as with `amount_refunding`",
  }),
  provider_reference: z.string().nullable().openapi({
    description: "What the provider calls it; of a `manual` payment, the bank's statement",
  }),
  redirect_url: z.string().nullable().openapi({
    description:
      "Where to send the customer while it requires action; the sandbox's has no host: it is one of this API's own pages",
  }),
  failure_code: z.string().nullable().openapi({
    description:
      "The provider's own code. Ours are `never_received` (it never heard of the payment), `provider_unavailable` (it was " +
      "not asked, as it keeps failing) and `voided` (given up before it heard of it): nothing was charged then",
    example: "card_declined",
  }),
  failure_message: z.string().nullable(),
  version: z.int(),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Payment");

export const CaptureBody = z.strictObject({
  amount: z.int().min(1).optional().openapi({ description: "All that is reserved unless said" }),
}).openapi("CapturePayment");

/** What lists of payments, refunds, disputes and returns are asked alike. */
export const Listing = {
  order_id: Id.optional().openapi({ description: "Only those of this order" }),
  created_from: Timestamp.optional().openapi({ description: "Created at this time or later" }),
  created_to: Timestamp.optional().openapi({ description: "Created before this time" }),
  ...PageQuery.shape,
};

export const PaymentsQuery = z.strictObject({
  status: z.enum(PAYMENT_STATUSES).optional().openapi({ description: "Only payments in this status" }),
  provider: Provider.optional(),
  provider_reference: uniqueText(255).optional().openapi({
    description: "The payment that its provider, or the bank's statement, calls so",
  }),
  ...Listing,
});

export const WebhookReceived = z.object({ received: z.literal(true).openapi({ type: "boolean" }) }).openapi(
  "PaymentWebhookReceived",
);

export const SettledCharge = z.object({ reference: z.string(), status: z.enum(CHARGE_STATUSES) })
  .openapi("SettledCharge");

export const BankRefundBody = z.strictObject({
  amount: z.int().min(1).optional().openapi({ description: "All that is left at the bank unless said" }),
}).openapi("RefundSandboxCharge");

export const RefundedCharge = z.object({
  reference: z.string(),
  amount_captured: Amount,
  amount_refunded: Amount,
}).openapi("RefundedCharge");

export const ProviderParam = z.object({ provider: Provider });
