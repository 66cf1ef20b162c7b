import type { z } from "@hono/zod-openapi";
import type { Coupon } from "../promotions/mod.ts";
import type { DutyRateSchema, ExplanationSchema, ShippingOptionSchema, TradeRulesSchema } from "./schemas.ts";

/** A law but for its duty rates. */
export type TradeRules = z.output<typeof TradeRulesSchema>;
export type DutyRate = z.output<typeof DutyRateSchema>;

/** A schedule in force, with only those of its duty rates that can apply to the goods asked for. */
export interface Schedule {
  id: string;
  destination: string;
  effective_from: string;
  source: string;
  rules: TradeRules;
  duty_rates: DutyRate[];
}

/** Units of `currency` for one euro, as a decimal number in text. */
export interface ReferenceRate {
  currency: string;
  rate: string;
  as_of: string;
  source: string;
}

/** A way to send things, with its price bands in the order of weight. */
export type ShippingOption = Omit<
  z.output<typeof ShippingOptionSchema>,
  "active" | "version" | "created_at" | "updated_at"
>;

/** All that trade knows about sending certain goods to a destination on a day. Plain data, read in one query. */
export interface TradeFacts {
  /** Undefined: nobody said what the law is there, so nothing can be promised. */
  schedule?: Schedule;
  /** The newest rate of each currency asked for, on or before the day. EUR itself is not in it. */
  rates: ReferenceRate[];
  /** HS codes that the destination uses instead of the product's own, by product id. */
  hsCodes: Record<string, string>;
  /** Those that deliver to the destination. */
  shippingOptions: ShippingOption[];
}

/** A product, as far as trade cares. */
export interface TradeProduct {
  id: string;
  sku: string;
  name: string;
  category: string | null;
  hs_code: string | null;
  country_of_origin: string | null;
  weight_grams: number | null;
  /** List prices in minor units, by currency. */
  prices: Record<string, number>;
}

/** What the database knows of a product when a cart, a quote or an order is decided on: also whether it is sold. */
export interface ProductFacts extends TradeProduct {
  status: "draft" | "active" | "archived";
  available: number;
}

/** What a quote is asked for. */
export interface LandedCostInput {
  destination: string;
  /** The country that the goods are sent from. */
  shipFrom: string;
  currency: string;
  incoterm: Incoterm;
  shippingOption: string;
  /** `agreedPrice`: what a piece costs instead of its list price, in minor units of `currency`. */
  lines: { product: TradeProduct; quantity: number; agreedPrice?: number }[];
  /** What makes the goods cheaper: duty and tax are on what is paid for them. */
  coupon?: Coupon;
}

/** Incoterms 2020: DDP, the seller pays duty and taxes; DAP, whoever receives the goods does. */
export type Incoterm = "DAP" | "DDP";

/** One amount, in minor units of the currency that is charged, and how it came to be. */
export type ExplanationEntry = z.output<typeof ExplanationSchema>;

export interface LandedLine {
  line: number;
  product_id: string;
  sku: string;
  name: string;
  quantity: number;
  /** The code that the destination classifies it by. */
  hs_code: string | null;
  country_of_origin: string | null;
  weight_grams: number | null;
  unit_price: number;
  /** What the coupon takes off of it. */
  discount_amount: number;
  /** Of the goods, after the discount. */
  line_total: number;
  /** Its share of the shipping. */
  shipping_amount: number;
  /** What is collected at checkout. */
  duty_amount: number;
  tax_amount: number;
  /** Of the tax amount: what is on the shipping. */
  shipping_tax_amount: number;
  /** What whoever receives it pays at the door (DAP). */
  duty_on_delivery: number;
  tax_on_delivery: number;
}

/** What it will cost at the door. Each total is the sum of its lines, the total price that of all but the discount. */
export interface LandedCost {
  lines: LandedLine[];
  /** What was taken off before: it is not in the subtotal. */
  discount_total: number;
  subtotal: number;
  shipping_total: number;
  duty_total: number;
  tax_total: number;
  total_price: number;
  duty_on_delivery: number;
  tax_on_delivery: number;
  shipping: { code: string; name: string; weight_grams: number };
  explanation: ExplanationEntry[];
  consignee_id: TradeRules["consignee_id"];
}
