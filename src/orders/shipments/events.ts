import { z } from "@hono/zod-openapi";
import { defineEvent } from "../../platform/events.ts";
import { ChangesSchema } from "../../platform/changes.ts";
import { ShipmentItemSchema, ShipmentSchema, ToldSku } from "./schemas.ts";

const { cancelled_at, ...shipment } = ShipmentSchema.shape;
/** A shipment, as events tell it, those too from before it had all that it has now. */
const Told = z.object({
  ...shipment,
  items: z.array(z.object({ ...ShipmentItemSchema.shape, sku: ToldSku }).openapi("ToldShipmentItem")),
  cancelled_at: cancelled_at.optional().openapi({
    description: "Left out in events from before a shipment could be cancelled",
  }),
});

export const shipmentCreated = defineEvent(
  "shipment.created",
  1,
  "shipment",
  "Goods of an order left the warehouse.",
  Told,
);

export const shipmentUpdated = defineEvent(
  "shipment.updated",
  1,
  "shipment",
  "What is known of a shipment changed: its tracking, or that it was delivered.",
  Told.extend({ changes: ChangesSchema }),
);

export const shipmentCancelled = defineEvent(
  "shipment.cancelled",
  1,
  "shipment",
  "A shipment was recorded by mistake: its units never left, and are held for the order as before.",
  Told.extend({ changes: ChangesSchema }),
);
