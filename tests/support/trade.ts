/** Facts and questions for the tests of landed costs, made up: each test says only what it is about. */
import type { Coupon } from "../../src/promotions/mod.ts";
import type { Promotion } from "../../src/promotions/promotion.ts";
import type {
  DutyRate,
  LandedCostInput,
  Schedule,
  ShippingOption,
  TradeFacts,
  TradeProduct,
  TradeRules,
} from "../../src/trade/facts.ts";
import { examplePromotion } from "./promotions.ts";

export function tradeProduct(sku: string, known: Partial<TradeProduct> = {}): TradeProduct {
  return {
    id: `id of ${sku}`,
    sku,
    name: `Name of ${sku}`,
    category: null,
    hs_code: "691200",
    country_of_origin: "DE",
    weight_grams: 500,
    prices: { EUR: 1000 },
    ...known,
  };
}

export function dutyRate(hs_prefix: string, ad_valorem: string, known: Partial<DutyRate> = {}): DutyRate {
  return { hs_prefix, ad_valorem, per_kg: 0, origin: null, note: null, ...known };
}

export function taxRate(rate: string, known: Partial<TradeRules["tax"]["rates"][number]> = {}) {
  return { hs_prefix: "", category: null, rate, note: null, ...known };
}

/** A country with 10 % duty and 20 % tax on everything, in euros, without thresholds. */
export function tradeSchedule(known: {
  duty?: Partial<TradeRules["duty"]>;
  tax?: Partial<TradeRules["tax"]>;
  rules?: Partial<TradeRules>;
  duty_rates?: DutyRate[];
} = {}): Schedule {
  return {
    id: "a schedule",
    destination: "XA",
    effective_from: "2026-01-01",
    source: "Law of XA",
    rules: {
      currency: "EUR",
      customs_territory: "XA",
      restrictions: [],
      consignee_id: null,
      ...known.rules,
      duty: { valuation: "cif", de_minimis: null, low_value: null, ...known.duty },
      tax: {
        name: "VAT",
        rates: [taxRate("0.2")],
        base: ["goods", "shipping", "duty"],
        de_minimis: null,
        collected_by_seller_up_to: null,
        seller_base: null,
        scheme: null,
        ...known.tax,
      },
    },
    duty_rates: known.duty_rates ?? [dutyRate("", "0.1")],
  };
}

export function shippingOption(code: string, known: Partial<ShippingOption> = {}): ShippingOption {
  return {
    code,
    name: `Name of ${code}`,
    carrier: null,
    countries: ["XA"],
    currency: "EUR",
    bands: [{ up_to_grams: 10_000, price: 500 }],
    free_from: null,
    min_days: null,
    max_days: null,
    ...known,
  };
}

/** SUMMER, which takes 10 % off of everything and can be used. */
export function tradeCoupon(known: Partial<Promotion> = {}): Coupon {
  const promotion = examplePromotion(known);
  const at = new Date("2026-01-31T12:00:00.000Z");
  return { code: promotion.code, at, promotion, redeemed: 0, redeemedByCustomer: 0 };
}

export function tradeFacts(known: Partial<TradeFacts> = {}): TradeFacts {
  return {
    schedule: tradeSchedule(),
    rates: [],
    hsCodes: {},
    shippingOptions: [shippingOption("post")],
    ...known,
  };
}

/** From DE to XA in euros, DDP, by post. */
export function askFor(
  products: (TradeProduct | [TradeProduct, number])[],
  known: Partial<LandedCostInput> = {},
): LandedCostInput {
  return {
    destination: "XA",
    shipFrom: "DE",
    currency: "EUR",
    incoterm: "DDP",
    shippingOption: "post",
    lines: products.map((each) => {
      const [product, quantity] = Array.isArray(each) ? each : [each, 1];
      return { product, quantity };
    }),
    ...known,
  };
}
