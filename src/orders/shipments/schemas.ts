import { z } from "@hono/zod-openapi";
import { PageQuery } from "../../http/pagination.ts";
import { Id, Sku, text, Timestamp } from "../../http/schemas.ts";
import { MAX_LINES, MAX_QUANTITY } from "../order.ts";

const units = {
  line: z.int().min(1).max(MAX_LINES).openapi({ description: "Of the order", example: 1 }),
  quantity: z.int().min(1).max(MAX_QUANTITY).openapi({ example: 2 }),
};

/** The SKU of units of an order, and of a shipment's, return's or refund's item, in events. */
export const ToldSku = Sku.optional().openapi({
  description: "Left out in events from before items told it",
});

export const ShipmentItemSchema = z.object({ line: units.line, sku: Sku, quantity: units.quantity }).openapi(
  "ShipmentItem",
);

const Status = z.enum(["shipped", "delivered", "cancelled"]);

export const ShipmentSchema = z.object({
  id: Id,
  order_id: Id,
  status: Status,
  items: z.array(ShipmentItemSchema),
  carrier: z.string().nullable().openapi({ example: "DHL" }),
  tracking_number: z.string().nullable().openapi({ example: "00340434161094015902" }),
  tracking_url: z.string().nullable(),
  weight_grams: z.int().nullable().openapi({ description: "Gross, of the whole shipment", example: 900 }),
  version: z.int().openapi({ description: "Counts the changes; also the ETag" }),
  shipped_at: Timestamp,
  delivered_at: Timestamp.nullable(),
  cancelled_at: Timestamp.nullable().openapi({ description: "Since when it is known that it never left" }),
  updated_at: Timestamp,
}).openapi("Shipment");

const details = {
  carrier: text(1, 100).nullable(),
  tracking_number: text(1, 100).nullable(),
  tracking_url: z.url({ protocol: /^https?$/, error: "must be an http(s) address" }).max(1000).nullable(),
  weight_grams: z.int().min(1).max(1_000_000_000).nullable(),
};

export const ShipBody = z.strictObject({
  items: z.array(z.strictObject(units).openapi("ShipOrderItem")).min(1).max(MAX_LINES).optional().openapi({
    description: "What leaves, by line; left out: all that is still to leave",
  }),
  ...z.strictObject(details).partial().shape,
}).openapi("ShipOrder");

export const ChangeShipmentBody = z.strictObject({
  status: z.literal("delivered").openapi({ description: "It arrived" }),
  ...details,
}).partial().openapi("ChangeShipment");

export const ShipmentsQuery = z.strictObject({
  status: Status.optional().openapi({ description: "Only shipments in this status" }),
  user_id: Id.optional().openapi({ description: "Of whose orders; customers only ever see their own" }),
  order_id: Id.optional().openapi({ description: "Only those of this order" }),
  tracking_number: text(1, 100).optional().openapi({
    description: "Only those that their carrier knows by this number",
    example: "00340434161094015902",
  }),
  created_from: Timestamp.optional().openapi({ description: "`shipped_at` this time or later" }),
  created_to: Timestamp.optional().openapi({ description: "`shipped_at` before this time" }),
  ...PageQuery.shape,
});
