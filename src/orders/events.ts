import { defineEvent } from "../platform/events.ts";
import { OrderSchema } from "./schemas.ts";
import { ChangesSchema } from "../platform/changes.ts";

/** The whole order, as it was first answered. */
export const orderCreated = defineEvent("order.created", 1, "order", OrderSchema);

/** The order without its items, which never change, and what changed. Replaying these over the first gives the row. */
const Changed = OrderSchema.omit({ items: true }).extend({
  changes: ChangesSchema,
});

export const orderUpdated = defineEvent("order.updated", 1, "order", Changed);
export const orderCancelled = defineEvent("order.cancelled", 1, "order", Changed);
