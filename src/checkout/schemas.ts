import { z } from "@hono/zod-openapi";
import { ConsigneeBody } from "../consignees/mod.ts";
import { Id, Metadata, text } from "../http/schemas.ts";
import { OrderSchema, ShipTo } from "../orders/mod.ts";
import { PaymentBody, PaymentSchema } from "../payments/mod.ts";

export const CheckoutBody = z.strictObject({
  quote_id: Id.openapi({ description: "The cart's open quote: what it says is what is charged" }),
  ship_to: ShipTo.openapi({ description: "In the country that was quoted" }),
  payment: PaymentBody.omit({ amount: true }).openapi("CheckoutPayment", {
    description: "Left out: paid later, by POST /v1/orders/{id}/payments",
  }).optional(),
  consignee: ConsigneeBody.optional().openapi({
    description: "Where the quote's `consignee_id` says so; kept encrypted",
  }),
  note: text(0, 2000).optional().openapi({ description: "The cart's note is not taken over" }),
  metadata: Metadata.optional().openapi({
    description: "Up to 50 keys with text values. The cart's are not taken over",
  }),
}).openapi("Checkout");

export const CheckoutSchema = z.object({
  order: OrderSchema,
  payment: z.union([PaymentSchema, z.null()]).openapi({
    description: "As it stands: `redirect_url` says where the customer goes next",
  }),
}).openapi("CheckoutResult");
