import { defineEvent } from "../../platform/events.ts";
import { ChangesSchema } from "../../platform/changes.ts";
import { ShipmentSchema } from "./schemas.ts";

const { cancelled_at } = ShipmentSchema.shape;
const Told = ShipmentSchema.omit({ cancelled_at: true }).extend({
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
