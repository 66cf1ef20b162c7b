import { z } from "@hono/zod-openapi";
import { ToldSku } from "../orders/mod.ts";
import { defineEvent, type EventType } from "../platform/events.ts";
import { DisputeSchema } from "./disputes/schemas.ts";
import type { Payment } from "./payment.ts";
import { RefundItemSchema, RefundSchema } from "./refunds/schemas.ts";
import { PaymentSchema } from "./schemas.ts";

const undisputed = { description: "Left out in events from before there were disputes" };
const byProvider = { description: "Left out in events from before staff could give money back themselves" };

const { amount_disputed, amount_refunded_manually, ...paid } = PaymentSchema.shape;
/** A payment, as events tell it, those too from before it had all that it has now. */
const ToldPayment = z.object({
  ...paid,
  amount_refunded_manually: amount_refunded_manually.optional().openapi(byProvider),
  amount_disputed: amount_disputed.optional().openapi(undisputed),
}).openapi("ToldPayment");

const { dispute_id, follows, manual, ...refunded } = RefundSchema.shape;
/** Likewise a refund. */
const ToldRefund = z.object({
  ...refunded,
  items: z.array(z.object({ ...RefundItemSchema.shape, sku: ToldSku }).openapi("ToldRefundItem")),
  dispute_id: dispute_id.optional().openapi(undisputed),
  follows: follows.optional().openapi({
    description: "Left out in events from before several payments could share in a refund",
  }),
  manual: manual.optional().openapi(byProvider),
}).openapi("ToldRefund");

const payment = <Name extends `payment.${string}`>(type: Name, summary: string) =>
  defineEvent(type, 1, "payment", summary, ToldPayment);
const refund = <Name extends `refund.${string}`>(type: Name, summary: string) =>
  defineEvent(type, 1, "refund", summary, ToldRefund);
const dispute = <Name extends `dispute.${string}`>(type: Name, summary: string) =>
  defineEvent(type, 1, "dispute", summary, DisputeSchema);

export const paymentCreated = payment(
  "payment.created",
  "A payment was begun; its provider may not know of it yet.",
);
const paymentUpdated = payment(
  "payment.updated",
  "A payment waits for its customer or its provider, or something was learnt of it that changes neither its status nor " +
    "its money.",
);
const paymentAuthorised = payment(
  "payment.authorised",
  "The amount is reserved on the customer's account.",
);
export const paymentCaptured = payment(
  "payment.captured",
  "Money came in, all of the payment or a part of it.",
);
const paymentFailed = payment(
  "payment.failed",
  "The payment was declined, never reached its provider, or was let go of before it had.",
);
const paymentVoided = payment(
  "payment.voided",
  "The payment was let go of: all of it, or what a capture of a part had left.",
);
export const paymentRefunded = payment("payment.refunded", "Money of this payment went back.");
export const paymentStray = payment(
  "payment.stray",
  "Money came in, or was reserved, that its order does not want: it was cancelled, has expired or is paid. It goes back.",
);

export const refundCreated = refund("refund.created", "A refund was begun.");
export const refundSucceeded = refund("refund.succeeded", "The money went back.");
export const refundFailed = refund(
  "refund.failed",
  "The provider refused a refund, or the one that it follows.",
);

export const disputeCreated = dispute(
  "dispute.created",
  "A customer asked their bank for their money back; unless it is an inquiry, the bank has taken it.",
);
export const disputeUpdated = dispute("dispute.updated", "A dispute goes on: see its status.");
export const disputeClosed = dispute(
  "dispute.closed",
  "A dispute was won, and the money is back, or lost, and a refund is booked for it; or its inquiry came to nothing.",
);

/** The event that tells what is new of a payment: money that came in, even if only a part of it, or else its new status. */
export function eventOfChange(before: Payment, after: Payment): EventType<string, typeof ToldPayment> {
  if (after.amount_captured > before.amount_captured) return paymentCaptured;
  // An older state may come late, and say only how much had been reserved: what became of it was told already.
  if (after.status === before.status) return paymentUpdated;
  switch (after.status) {
    case "authorised":
      return paymentAuthorised;
    case "failed":
      return paymentFailed;
    case "captured":
    case "voided":
      return paymentVoided;
    default:
      return paymentUpdated;
  }
}

export const PAYMENT_EVENTS = [
  paymentCreated,
  paymentUpdated,
  paymentAuthorised,
  paymentCaptured,
  paymentFailed,
  paymentVoided,
  paymentRefunded,
  paymentStray,
  refundCreated,
  refundSucceeded,
  refundFailed,
  disputeCreated,
  disputeUpdated,
  disputeClosed,
];
