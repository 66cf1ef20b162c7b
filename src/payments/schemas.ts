import { z } from "@hono/zod-openapi";
import { PageQuery } from "../http/pagination.ts";
import { Amount, Currency, Id, text, Timestamp, uniqueText } from "../http/schemas.ts";
import { MAX_LINES, MAX_QUANTITY } from "../orders/mod.ts";
import { PAYMENT_STATUSES } from "./payment.ts";
import { REFUND_STATUSES } from "./refunds/refund.ts";

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
        "Where the customer comes back to after a redirect; without it Stripe declines what needs one, such as 3-D Secure",
    }),
}).openapi("CreatePayment");

export const ManualPaymentBody = z.strictObject({
  amount: z.int().min(1).optional().openapi({ description: "What is due unless said", example: 1500 }),
  reference: uniqueText(1, 255).optional().openapi({
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

export const RefundBody = z.strictObject({
  reason: text(1, 500).openapi({ example: "Arrived broken" }),
  amount: z.int().min(1).optional().openapi({
    description: "So much, taken off goods, shipping, duty and tax in proportion",
  }),
  items: z.array(
    z.strictObject({
      line: z.int().min(1).max(MAX_LINES),
      quantity: z.int().min(1).max(MAX_QUANTITY),
    }).openapi("RefundOrderItem"),
  ).min(1).max(MAX_LINES).optional().openapi({
    description:
      "So many units of these lines, with their duty and tax. Units that cost nothing are refunded for nothing while they are " +
      "still to be sent: then they are not",
  }),
  include_shipping: z.boolean().optional().openapi({
    description:
      "With `items`: their share of the shipping goes back too, as far as it is left, and the tax on it. Alone: all that is " +
      "left of the shipping and of the tax on it, and the goods stay the customer's",
  }),
  payment_id: Id.optional().openapi({
    description:
      "Which payment it goes back through, where there are several. Unless said one that has enough, the latest first: of what " +
      "providers hold before what came by bank, and with `manual` the other way round",
  }),
  manual: z.boolean().optional().openapi({
    description:
      "Staff gave the money back themselves, by bank transfer or in cash, as where the provider refuses to: it is only " +
      "recorded, and no provider is asked",
  }),
}).refine((body) => body.amount === undefined || body.items === undefined, {
  path: ["amount"],
  message: "give either amount or items, or neither for all that is left",
}).refine(
  ({ include_shipping, amount, items }) =>
    include_shipping === undefined || items !== undefined || (include_shipping && amount === undefined),
  {
    path: ["include_shipping"],
    message: "goes with items, or stands alone, true, for the shipping alone",
  },
).openapi("RefundOrder");

export const RefundSchema = z.object({
  id: Id,
  order_id: Id,
  payment_id: Id.nullable().openapi({
    description:
      "Null: of money that staff recorded, which they give back themselves, or of units that cost nothing",
  }),
  return_id: Id.nullable(),
  follows: Id.nullable().openapi({
    description:
      "Where no single payment had enough: the refund that this is another payment's share of. It is sent once that has " +
      "succeeded, and fails with it",
  }),
  currency: Currency,
  amount: Amount.openapi({
    description:
      "All that goes back. It may be more than goods, shipping, duty and tax together: the rest was owed to the " +
      "customer anyway. Of an order that is cancelled or has expired when it succeeds all of it was, and the parts are 0",
  }),
  goods_amount: Amount.openapi({
    description: "What of it is taken off the goods sold, net of duty and tax",
  }),
  shipping_amount: Amount,
  duty_amount: Amount,
  tax_amount: Amount,
  items: z.array(z.object({ line: z.int(), quantity: z.int() }).openapi("RefundItem")),
  reason: z.string(),
  manual: z.boolean().openapi({
    description: "Staff gave the money back themselves: it was only recorded, and no provider asked",
  }),
  status: z.enum(REFUND_STATUSES).openapi({ description: "pending: the provider is asked until it answers" }),
  provider_reference: z.string().nullable().openapi({
    description:
      "What the provider calls it; null until it has answered, and of what staff gave back themselves",
  }),
  failure_message: z.string().nullable().openapi({ description: "Of the last attempt" }),
  attempts: z.int().openapi({
    description: "How often the provider was asked. While it does not answer no event tells of that",
  }),
  next_attempt_at: Timestamp.nullable(),
  version: z.int(),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Refund");

const Listing = {
  order_id: Id.optional().openapi({ description: "Only those of this order" }),
  created_from: Timestamp.optional().openapi({ description: "Created at this time or later" }),
  created_to: Timestamp.optional().openapi({ description: "Created before this time" }),
  ...PageQuery.shape,
};

export const PaymentsQuery = z.strictObject({
  status: z.enum(PAYMENT_STATUSES).optional().openapi({ description: "Only payments in this status" }),
  provider: Provider.optional(),
  provider_reference: uniqueText(1, 255).optional().openapi({
    description: "The payment that its provider, or the bank's statement, calls so",
  }),
  ...Listing,
});

export const RefundsQuery = z.strictObject({
  status: z.enum(REFUND_STATUSES).optional().openapi({ description: "Only refunds in this status" }),
  payment_id: Id.optional().openapi({ description: "Only those that go back through this payment" }),
  provider_reference: text(1, 255).optional().openapi({
    description: "The refund that its provider calls so",
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
