import { z } from "@hono/zod-openapi";
import { Amount, Country, Currency, Id, Incoterm, Sku, text, Timestamp } from "../http/schemas.ts";
import { ExplanationSchema } from "../trade/mod.ts";

const QUOTE_STATUSES = ["open", "used", "expired", "superseded"] as const;

export const QuoteBody = z.strictObject({
  destination: Country.optional().openapi({ description: "Where to; the cart's destination unless said" }),
  incoterm: Incoterm.default("DDP"),
  shipping_option: text(1, 40).openapi({
    description: "`code` of one of `GET /v1/shipping-options`",
    example: "parcel-world",
  }),
}).openapi("QuoteCart");

const LineSchema = z.object({
  line: z.int(),
  product_id: Id,
  sku: Sku,
  name: z.string(),
  quantity: z.int(),
  hs_code: z.string().nullable().openapi({
    description: "As the destination classifies it",
    example: "69120023",
  }),
  country_of_origin: Country.nullable(),
  weight_grams: z.int().nullable(),
  unit_price: Amount,
  discount_amount: Amount.openapi({ description: "What the coupon takes off of it", example: 0 }),
  line_total: Amount.openapi({ description: "Of the goods alone, after the discount" }),
  shipping_amount: Amount.openapi({ description: "Its share of the shipping" }),
  duty_amount: Amount.openapi({ description: "Collected at checkout" }),
  tax_amount: Amount.openapi({ description: "Collected at checkout" }),
  shipping_tax_amount: Amount.openapi({ description: "Of `tax_amount`, what is on the shipping" }),
  duty_on_delivery: Amount.openapi({ description: "Paid by whoever receives it" }),
  tax_on_delivery: Amount.openapi({ description: "Paid by whoever receives it" }),
}).openapi("QuoteLine");

/** The quote as it binds: everything but its status. Stored as its event. */
export const QuoteDataSchema = z.object({
  id: Id,
  cart_id: Id,
  cart_version: z.int(),
  user_id: Id,
  ship_from: Country,
  destination: Country,
  incoterm: Incoterm,
  currency: Currency,
  lines: z.array(LineSchema),
  shipping: z.object({ code: z.string(), name: z.string(), weight_grams: z.int() }),
  coupon_code: z.string().nullable().openapi({
    description: "The coupon of the cart; the quote holds a use of it",
  }),
  discount_total: Amount.openapi({
    description: "What it takes off; not in the subtotal any more",
    example: 0,
  }),
  subtotal: Amount,
  shipping_total: Amount,
  duty_total: Amount,
  tax_total: Amount,
  total_price: Amount.openapi({
    description: "What checkout charges: subtotal + shipping_total + duty_total + tax_total",
  }),
  duty_on_delivery: Amount,
  tax_on_delivery: Amount,
  explanation: z.array(ExplanationSchema).openapi({
    description:
      "How each amount came to be. Those that are `collected` sum to total_price, the others to what is due on delivery",
  }),
  consignee_id: z.object({ required: z.boolean(), name: z.string() }).nullable().openapi({
    description: "The number that customs there want to know of whoever receives the goods",
  }),
  created_at: Timestamp,
  expires_at: Timestamp.openapi({ description: "Until then price and stock are held" }),
});

export const QuoteSchema = QuoteDataSchema.extend({
  status: z.enum(QUOTE_STATUSES).openapi({ description: "superseded: the cart has a newer one" }),
  order_id: Id.nullable().openapi({ description: "The order that took it at its word" }),
}).openapi("Quote");

export const EstimateQuery = z.strictObject({
  destination: Country.optional().openapi({ description: "Where to; the cart's destination unless said" }),
  incoterm: Incoterm.default("DDP"),
});

export const EstimateSchema = z.object({
  shipping_option: z.string().openapi({ description: "To ask a quote with", example: "parcel-world" }),
  shipping_name: z.string().openapi({ example: "Parcel, tracked" }),
  min_days: z.int().nullable().openapi({ description: "On the way", example: 2 }),
  max_days: z.int().nullable().openapi({ description: "On the way", example: 4 }),
  destination: Country,
  incoterm: Incoterm,
  currency: Currency,
  weight_grams: z.int().openapi({ description: "Of all goods together" }),
  discount_total: Amount.openapi({
    description: "What the cart's coupon takes off of the goods",
    example: 0,
  }),
  subtotal: Amount,
  shipping_total: Amount,
  duty_total: Amount,
  tax_total: Amount,
  total_price: Amount.openapi({ description: "What a quote would have checkout charge" }),
  duty_on_delivery: Amount,
  tax_on_delivery: Amount,
}).openapi("Estimate");

export const EstimateList = z.object({
  data: z.array(EstimateSchema).openapi({ description: "The cheapest at the door first" }),
}).openapi("EstimateList");
