import { z } from "@hono/zod-openapi";
import { defineEvent } from "../platform/events.ts";
import type { OrderStatus } from "./order.ts";
import { ExplanationSchema } from "../trade/mod.ts";
import { OrderItemSchema, OrderSchema } from "./schemas.ts";
import { ChangesSchema } from "../platform/changes.ts";
import { ToldSku } from "./shipments/schemas.ts";

const item = OrderItemSchema.shape;
const order = OrderSchema.shape;
const uncounted = { description: "0; left out in events from before lines counted them" };
const undiscounted = { description: "Left out in events from before there were coupons" };

/** An order, as events tell it. A schema of its own: one that extends a named one requires in the contract what that does. */
const Told = z.object({
  ...order,
  items: z.array(
    z.object({
      ...item,
      shipped: item.shipped.optional().openapi(uncounted),
      returned: item.returned.optional().openapi(uncounted),
      discount_amount: item.discount_amount.optional().openapi(undiscounted),
    }).openapi("PlacedOrderItem"),
  ),
  coupon_code: order.coupon_code.optional().openapi(undiscounted),
  discount_total: order.discount_total.optional().openapi(undiscounted),
  pay_by: order.pay_by.optional().openapi({
    description: "Left out in events from before staff could give more time to pay",
  }),
});

/** The whole order, as it was first answered. */
export const orderCreated = defineEvent(
  "order.created",
  1,
  "order",
  "An order was placed.",
  Told.extend({
    explanation: z.array(ExplanationSchema).optional().openapi({
      description:
        "How each amount came to be, where shipping, duty and tax are a part of the price and no quote explains it",
    }),
  }),
);

/** Units of lines of an order. */
const units = (description: string) =>
  z.array(z.object({ line: z.int(), sku: ToldSku, quantity: z.int() }).openapi("OrderUnits")).optional()
    .openapi({
      description,
    });

/**
 * The order without its items, of which nothing but how many units are cancelled, shipped and returned ever changes, and what
 * changed. Replaying these over the first gives the row.
 */
const Changed = Told.omit({ items: true }).extend({
  cancelled_units: units(
    "All units that were refunded before they were shipped, by line; left out where there are none",
  ),
  shipped_units: units(
    "All units that were shipped, by line; left out where there are none, and in events from before lines counted them",
  ),
  returned_units: units("The same of those that came back"),
  changes: ChangesSchema,
});

export const orderUpdated = defineEvent("order.updated", 1, "order", "An order changed.", Changed);
export const orderCancelled = defineEvent(
  "order.cancelled",
  1,
  "order",
  "An order was cancelled; its stock is free again.",
  Changed,
);
export const orderExpired = defineEvent(
  "order.expired",
  1,
  "order",
  "An order was not paid in time; its stock is free again.",
  Changed,
);

/** What was looked at, and found right: an order that fails a check has no such event, but a failed job. */
export const orderProcessed = defineEvent(
  "order.processed",
  1,
  "order",
  "A new order was screened: its sums are right and its stock is held.",
  z.object({
    order_id: z.uuid(),
    number: z.string(),
    user_id: z.uuid(),
    total_price: z.int(),
    currency: z.string(),
    units: z.int(),
  }),
);

/** The event that tells of a change. */
export function eventOfChange(before: OrderStatus, after: OrderStatus) {
  if (before === after) return orderUpdated;
  return after === "CANCELLED" ? orderCancelled : after === "EXPIRED" ? orderExpired : orderUpdated;
}
