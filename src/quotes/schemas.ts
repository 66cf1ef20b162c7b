import { z } from "@hono/zod-openapi";
import { Amount, Country, Currency, Id, Incoterm, Sku, text, Timestamp } from "../http/schemas.ts";

export const QUOTE_STATUSES = ["open", "used", "expired", "superseded"] as const;

export const QuoteBody = z.strictObject({
  destination: Country.optional().openapi({ description: "Where to; the cart's destination unless said" }),
  incoterm: Incoterm.default("DDP"),
  shipping_option: text(1, 40).openapi({
    description: "`code` of one of `GET /v1/shipping-options`",
    example: "standard",
  }),
}).openapi("NewQuote");

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
  line_total: Amount,
  shipping_amount: Amount.openapi({ description: "Its share of the shipping" }),
  duty_amount: Amount.openapi({ description: "Collected at checkout" }),
  tax_amount: Amount.openapi({ description: "Collected at checkout" }),
  duty_on_delivery: Amount.openapi({ description: "Paid by whoever receives it" }),
  tax_on_delivery: Amount.openapi({ description: "Paid by whoever receives it" }),
}).openapi("QuoteLine");

const ExplanationSchema = z.object({
  line: z.int().nullable().openapi({ description: "Of the quote; null: the consignment as a whole" }),
  kind: z.enum(["goods", "shipping", "duty", "tax"]),
  amount: Amount,
  collected: z.boolean().openapi({ description: "Part of the total; otherwise due on delivery" }),
  rule: z.string().openapi({
    description: "Which rule said so, in words",
    example: "VAT 19 % of goods, shipping and duty",
  }),
  rate: z.string().nullable().openapi({
    description: 'A fraction, "1.50 EUR/kg" or "3.00 EUR/item"',
    example: "0.19",
  }),
  basis: Amount.nullable().openapi({ description: "What the rate was applied to" }),
  exchange: z.object({
    from: Currency,
    to: Currency,
    rate: z.string().openapi({ description: "Units of `to` for one of `from`", example: "1.1623" }),
    as_of: z.string().openapi({ example: "2026-11-20" }),
    source: z.string().openapi({ example: "ECB" }),
  }).nullable(),
  rounding: z.enum(["exact", "half_even", "largest_remainder"]),
  source: z.string().nullable().openapi({ description: "Where the rule is written" }),
}).openapi("QuoteExplanation");

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

export const QuoteParam = z.object({ id: Id });
export const CartParam = z.object({ id: Id });
