import { defineEvent } from "../../platform/events.ts";
import { ChangesSchema } from "../../platform/changes.ts";
import { ShipmentSchema } from "./schemas.ts";

export const shipmentCreated = defineEvent(
  "shipment.created",
  1,
  "shipment",
  "Goods of an order left the warehouse.",
  ShipmentSchema,
);

export const shipmentUpdated = defineEvent(
  "shipment.updated",
  1,
  "shipment",
  "What is known of a shipment changed: its tracking, or that it was delivered.",
  ShipmentSchema.extend({ changes: ChangesSchema }),
);
