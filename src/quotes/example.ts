import { insufficientStock, shortageOf } from "../inventory/mod.ts";
import type { Estimate } from "./estimate_options.ts";
import type { Quote } from "./quote.ts";

const SOURCE = "https://www.trade-tariff.service.gov.uk";

/** A dozen mugs to Leeds, duty and VAT paid: the document's example. It is what the example schedule makes of them. */
export const EXAMPLE_QUOTE: Quote = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c12",
  cart_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c13",
  cart_version: 1,
  user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  ship_from: "DE",
  destination: "GB",
  incoterm: "DDP",
  currency: "EUR",
  lines: [{
    line: 1,
    product_id: "0192f0bf-3c44-7b1d-9a10-62f7d0a4e911",
    sku: "MUG-BLUE",
    name: "Blue mug",
    quantity: 12,
    hs_code: "69120023",
    country_of_origin: "PT",
    weight_grams: 350,
    unit_price: 1499,
    line_total: 17988,
    shipping_amount: 1500,
    duty_amount: 1559,
    tax_amount: 4209,
    shipping_tax_amount: 300,
    duty_on_delivery: 0,
    tax_on_delivery: 0,
  }],
  shipping: { code: "parcel-world", name: "Parcel, tracked", weight_grams: 4200 },
  subtotal: 17988,
  shipping_total: 1500,
  duty_total: 1559,
  tax_total: 4209,
  total_price: 25256,
  duty_on_delivery: 0,
  tax_on_delivery: 0,
  explanation: [{
    line: 1,
    kind: "goods",
    amount: 17988,
    collected: true,
    rule: "12 × 14.99 EUR, the list price",
    rate: null,
    basis: null,
    exchange: null,
    rounding: "exact",
    source: null,
  }, {
    line: 1,
    kind: "shipping",
    amount: 1500,
    collected: true,
    rule: "Parcel, tracked, up to 5000 g (4200 g): 15.00 EUR",
    rate: null,
    basis: null,
    exchange: null,
    rounding: "exact",
    source: "DHL",
  }, {
    line: 1,
    kind: "duty",
    amount: 1559,
    collected: true,
    rule:
      "Duty on goods of HS 6912: 8 % of goods and shipping (ceramic tableware: UK Global Tariff, the highest rate " +
      "of the heading)",
    rate: "0.08",
    basis: 19488,
    exchange: null,
    rounding: "half_even",
    source: SOURCE,
  }, {
    line: 1,
    kind: "tax",
    amount: 4209,
    collected: true,
    rule: "VAT: 20 % of goods, shipping and duty (standard rate)",
    rate: "0.2",
    basis: 21047,
    exchange: null,
    rounding: "half_even",
    source: SOURCE,
  }],
  consignee_id: null,
  created_at: "2026-01-31T12:00:00.000Z",
  expires_at: "2026-01-31T12:15:00.000Z",
  status: "open",
  order_id: null,
};

/** The same, before it was quoted. */
export const EXAMPLE_ESTIMATE: Estimate = {
  shipping_option: EXAMPLE_QUOTE.shipping.code,
  shipping_name: EXAMPLE_QUOTE.shipping.name,
  min_days: 2,
  max_days: 4,
  destination: EXAMPLE_QUOTE.destination,
  incoterm: EXAMPLE_QUOTE.incoterm,
  currency: EXAMPLE_QUOTE.currency,
  weight_grams: EXAMPLE_QUOTE.shipping.weight_grams,
  subtotal: EXAMPLE_QUOTE.subtotal,
  shipping_total: EXAMPLE_QUOTE.shipping_total,
  duty_total: EXAMPLE_QUOTE.duty_total,
  tax_total: EXAMPLE_QUOTE.tax_total,
  total_price: EXAMPLE_QUOTE.total_price,
  duty_on_delivery: EXAMPLE_QUOTE.duty_on_delivery,
  tax_on_delivery: EXAMPLE_QUOTE.tax_on_delivery,
};

/** What is answered to a cart, and to an order, of more than there is. */
export const EXAMPLE_SHORTAGE = insufficientStock([shortageOf(0, { sku: "MUG-BLUE", available: 7 }, 12)]);
