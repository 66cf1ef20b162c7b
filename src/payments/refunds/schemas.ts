import { z } from "@hono/zod-openapi";
import { Amount, Currency, Id, Sku, text, Timestamp } from "../../http/schemas.ts";
import { MAX_LINES, MAX_QUANTITY } from "../../orders/mod.ts";
import { Listing } from "../schemas.ts";
import { REFUND_STATUSES } from "./refund.ts";

export const RefundBody = z.strictObject({
  reason: text(1, 500).openapi({
    description: "Why: the customer reads it, in their mail as well",
    example: "Arrived broken",
  }),
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
      "still to be sent: then they are not. So are, sent or not, those that their line has no minor unit for, as a discount " +
      "left fewer than there are units: the others have them all",
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

export const RefundItemSchema = z.object({ line: z.int(), sku: Sku, quantity: z.int() }).openapi(
  "RefundItem",
);

export const RefundSchema = z.object({
  id: Id,
  order_id: Id,
  payment_id: Id.nullable().openapi({
    description:
      "Null: of money that staff recorded, which they give back themselves, or of units that cost nothing",
  }),
  return_id: Id.nullable(),
  dispute_id: Id.nullable().openapi({
    description: "The lost dispute by which the money is gone: the customer has it from their bank",
  }),
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
  items: z.array(RefundItemSchema),
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

export const RefundsQuery = z.strictObject({
  status: z.enum(REFUND_STATUSES).optional().openapi({ description: "Only refunds in this status" }),
  payment_id: Id.optional().openapi({ description: "Only those that go back through this payment" }),
  provider_reference: text(1, 255).optional().openapi({
    description: "The refund that its provider calls so",
  }),
  ...Listing,
});
