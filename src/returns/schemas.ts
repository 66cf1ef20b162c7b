import { z } from "@hono/zod-openapi";
import { Id, Sku, text, Timestamp } from "../http/schemas.ts";
import { MAX_LINES, MAX_QUANTITY } from "../orders/mod.ts";
import { Listing, RefundBody, RefundSchema } from "../payments/mod.ts";

export const RETURN_STATUSES = [
  "requested",
  "approved",
  "rejected",
  "received",
  "refunded",
  "cancelled",
] as const;

const Line = z.int().min(1).max(MAX_LINES).openapi({ description: "Of the order", example: 1 });
const Received = z.int().min(0).max(MAX_QUANTITY);
const StaffNote = text(1, 2000).openapi({
  description: "Why it is rejected, or what was found. The customer can read it.",
  example: "One handle is broken",
});

export const ReturnItemSchema = z.object({
  line: Line,
  sku: Sku,
  quantity: z.int().openapi({ description: "Units that were to come back", example: 2 }),
  restocked: z.int().openapi({ description: "Units that came back and are for sale again", example: 1 }),
  written_off: z.int().openapi({
    description: "Units that came back and are not fit for sale",
    example: 1,
  }),
}).openapi("ReturnItem");

export const ReturnSchema = z.object({
  id: Id,
  order_id: Id,
  status: z.enum(RETURN_STATUSES),
  items: z.array(ReturnItemSchema),
  reason: z.string().openapi({ example: "Too small" }),
  staff_note: z.string().nullable(),
  refund: RefundSchema.pick({ id: true, status: true, currency: true, amount: true }).nullable().openapi({
    description:
      "The refund of what came back, as it stands now. One that `failed` can be asked for again: then this is the refund of " +
      "what had failed, less amounts that were given back otherwise since. Null for one that is " +
      "`refunded`: what came back had been refunded before, or was not to be",
  }),
  version: z.int().openapi({ description: "Counts the changes; also the ETag" }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Return");

export const ReturnBody = z.strictObject({
  items: z.array(
    z.strictObject({
      line: Line,
      quantity: z.int().min(1).max(MAX_QUANTITY).openapi({ example: 2 }),
    }).openapi("RequestReturnItem"),
  ).min(1).max(MAX_LINES).openapi({ description: "Units by line of the order" }),
  reason: text(1, 500).openapi({ example: "Too small" }),
}).openapi("RequestReturn");

export const ChangeReturnBody = z.strictObject({
  status: z.enum(["approved", "rejected", "cancelled"]).openapi({
    description: "Staff approve or reject it; its owner may cancel it until it was received",
  }),
  staff_note: StaffNote.optional(),
}).openapi("ChangeReturn");

export const ReceiptBody = z.strictObject({
  items: z.array(
    z.strictObject({
      line: Line,
      restocked: Received.default(0).openapi({ description: "For sale again", example: 1 }),
      written_off: Received.default(0).openapi({ description: "Not fit for sale", example: 1 }),
    }).openapi("ReturnReceiptItem"),
  ).min(1).max(MAX_LINES).openapi({ description: "What came back; a line that is left out did not" }),
  staff_note: StaffNote.optional(),
  refund: z.boolean().default(false).openapi({ description: "Refund what came back, too" }),
}).openapi("ReturnReceipt");

export const RefundReturnBody = z.strictObject({
  items: z.array(
    z.strictObject({
      line: Line,
      quantity: z.int().min(1).max(MAX_QUANTITY).openapi({ example: 1 }),
    }).openapi("ReturnRefundItem"),
  ).max(MAX_LINES).optional().openapi({
    description: "The units to be refunded, where those are not all that came back; none: `[]`",
  }),
  include_shipping: z.boolean().optional().openapi({
    description: "The units' share of the shipping goes back too, and its tax",
  }),
  reason: text(1, 500).optional().openapi({ description: "The return's own unless said" }),
  manual: RefundBody.shape.manual,
}).openapi("ReturnRefund");

export const ListQuery = z.strictObject({
  status: z.enum(RETURN_STATUSES).optional().openapi({ description: "Only returns in this status" }),
  user_id: Id.optional().openapi({ description: "Of whose orders; customers only ever see their own" }),
  ...Listing,
});
