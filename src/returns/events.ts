import { z } from "@hono/zod-openapi";
import { ToldSku } from "../orders/mod.ts";
import { defineEvent } from "../platform/events.ts";
import type { Return } from "./return.ts";
import { ReturnItemSchema, ReturnSchema } from "./schemas.ts";

/** A return, as events tell it, those too from before its items had their SKU. */
const ToldReturn = z.object({
  ...ReturnSchema.shape,
  items: z.array(z.object({ ...ReturnItemSchema.shape, sku: ToldSku }).openapi("ToldReturnItem")),
}).openapi("ToldReturn");

const event = <Name extends `return.${string}`>(type: Name, summary: string) =>
  defineEvent(type, 1, "return", summary, ToldReturn);

const returnRequested = event("return.requested", "Units of an order are to come back.");
const returnApproved = event("return.approved", "The customer may send the units back.");
const returnRejected = event(
  "return.rejected",
  "The units are not taken back; the staff note says why.",
);
const returnCancelled = event("return.cancelled", "The units do not come back after all.");
const returnReceived = event("return.received", "Units came back, and were restocked or written off.");
const returnRefunded = event(
  "return.refunded",
  "What came back is refunded, or had been before: then `refund` is null. Whether the money went is told by the refund's own " +
    "events.",
);

/** The event that tells of each status; what tells of a return's changes is its status. */
export const EVENT_OF_STATUS = {
  requested: returnRequested,
  approved: returnApproved,
  rejected: returnRejected,
  cancelled: returnCancelled,
  received: returnReceived,
  refunded: returnRefunded,
} satisfies Record<Return["status"], unknown>;

export const RETURN_EVENTS = Object.values(EVENT_OF_STATUS);
