import { z } from "@hono/zod-openapi";
import { Amount, Currency, Id, text, Timestamp } from "../../http/schemas.ts";
import { Listing } from "../schemas.ts";
import { DISPUTE_STATUSES } from "./dispute.ts";

const Status = z.enum(DISPUTE_STATUSES).openapi({
  description:
    "inquiry: the bank asks, and has taken nothing; needs_response: it has taken the money, and waits for evidence until " +
    "`evidence_due_by`; under_review: it has the evidence; won: the money came back; lost: it is gone, by a refund that is booked " +
    "with it; closed: an inquiry that came to nothing",
});

export const DisputeSchema = z.object({
  id: Id,
  order_id: Id,
  payment_id: Id,
  provider_reference: z.string().openapi({ description: "What the provider calls it", example: "dp_1Pz3" }),
  status: Status,
  currency: Currency,
  amount: Amount.openapi({ description: "What it is about, of the payment's money" }),
  reason: z.string().openapi({ description: "The provider's own word for why", example: "fraudulent" }),
  evidence_due_by: Timestamp.nullable().openapi({
    description: "Until when the provider takes evidence; after that it is lost",
  }),
  version: z.int(),
  created_at: Timestamp.openapi({ description: "When we first heard of it" }),
  updated_at: Timestamp,
}).openapi("Dispute");

export const DisputesQuery = z.strictObject({
  status: z.enum(DISPUTE_STATUSES).optional().openapi({ description: "Only disputes in this status" }),
  payment_id: Id.optional().openapi({ description: "Only those of this payment" }),
  provider_reference: text(1, 255).optional().openapi({
    description: "The dispute that its provider calls so",
  }),
  ...Listing,
});

export const SandboxDisputeBody = z.strictObject({
  status: Status.openapi({ description: "How it stands from now on" }),
  amount: z.int().min(1).optional().openapi({
    description: "What a new one is about: all that is left at the bank unless said",
  }),
}).openapi("DisputeSandboxCharge");

export const SandboxDispute = z.object({
  reference: z.string().openapi({ description: "What the bank calls the dispute" }),
  charge: z.string(),
  status: Status,
  amount: Amount,
}).openapi("SandboxDispute");
