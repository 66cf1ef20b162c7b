/** Any consignment: goods, quantities, coupons, law, rates, shipping and currencies at random. */
import fc from "fast-check";
import type { Coupon } from "../../src/promotions/mod.ts";
import type { LandedCostInput, Schedule, TradeFacts } from "../../src/trade/facts.ts";
import { findUnitPrice } from "../../src/trade/goods.ts";
import { dutyRate, shippingOption, taxRate, tradeCoupon, tradeProduct, tradeSchedule } from "./trade.ts";

const CURRENCIES = ["EUR", "USD", "JPY", "KWD"];
export const RATES = [["USD", "1.09560000"], ["JPY", "155.68000000"], ["KWD", "0.33650000"]].map((
  [currency, rate],
) => ({ currency: currency!, rate: rate!, as_of: "2026-01-02", source: "ECB" }));

const currency = fc.constantFrom(...CURRENCIES);
const hsCode = fc.constantFrom("691200", "691110", "490199", "610910");
const category = fc.constantFrom(null, "Kitchen", "Books");
const fraction = fc.integer({ min: 0, max: 1_500_000 })
  .map((millionths) => `${Math.floor(millionths / 1e6)}.${String(millionths % 1_000_000).padStart(6, "0")}`);
const threshold = fc.option(
  fc.record({
    amount: fc.nat(500_000),
    basis: fc.constantFrom("goods" as const, "goods_and_shipping" as const),
  }),
);

const line = fc.record({
  product: fc.record({
    sku: fc.constantFrom("A", "B", "C", "D"),
    // Free, or enough to be worth something in every currency.
    prices: fc.dictionary(currency, fc.nat(200_000).map((price) => price < 10 ? 0 : price), { minKeys: 1 }),
    hs_code: hsCode,
    category,
    country_of_origin: fc.constantFrom("DE", "CN"),
    weight_grams: fc.nat(3000),
  }).map(({ sku, ...known }) => tradeProduct(sku, known)),
  quantity: fc.integer({ min: 1, max: 50 }),
});

const rules = fc.record({ currency, customs_territory: fc.constantFrom("XA", "EU") });
const duty = fc.record({ valuation: fc.constantFrom("fob" as const, "cif" as const), de_minimis: threshold });
const tax = fc.record({
  rates: fc.array(
    fc.record({ hs_prefix: fc.constantFrom("69", "6912", "4901"), category, rate: fraction }),
    { maxLength: 4 },
  ).map((more) => [taxRate("0.19"), ...more.map(({ rate, ...known }) => taxRate(rate, known))]),
  base: fc.subarray(["goods", "shipping", "duty"] as const, { minLength: 1 }).map((base) => [...base]),
  de_minimis: threshold,
  collected_by_seller_up_to: threshold,
});
const dutyRates = fc.array(
  fc.record({
    hs_prefix: fc.constantFrom("69", "6912", "4901", "61"),
    origin: fc.constantFrom(null, "CN"),
    ad_valorem: fraction,
    per_kg: fc.nat(2000),
  }),
  { maxLength: 5 },
).map((more) => [
  dutyRate("", "0.05"),
  ...more.map(({ hs_prefix, ad_valorem, ...known }) => dutyRate(hs_prefix, ad_valorem, known)),
]);
const schedule: fc.Arbitrary<Schedule> = fc.record({ rules, duty, tax, duty_rates: dutyRates })
  .map(tradeSchedule);

/** What a coupon takes off, and whether of all goods or of those that one of them, which costs something, is like. */
const anyCoupon = fc.record({
  off: fc.oneof(
    fc.record({ percent: fc.integer({ min: 1, max: 10_000 }).map((off) => (off / 100).toFixed(2)) }),
    // Of what all goods cost: also more than that, and more than what it applies to.
    fc.record({ thousandths: fc.integer({ min: 1, max: 1500 }) }),
  ),
  applies_to: fc.constantFrom("all", "skus", "categories"),
  like: fc.nat(7),
});

/** None where all goods are free: no coupon can be used for these. */
function couponFor(
  { lines, currency }: Pick<LandedCostInput, "lines" | "currency">,
  { off, applies_to, like }: typeof anyCoupon extends fc.Arbitrary<infer T> ? T : never,
): Coupon | undefined {
  const sold = lines.map(({ product, quantity }) => ({
    product,
    price: Number(findUnitPrice(product, currency, RATES)!.amount) * quantity,
  })).filter(({ price }) => price > 0);
  if (sold.length === 0) return undefined;
  const { sku, category } = sold[like % sold.length]!.product;
  const worth = sold.reduce((sum, { price }) => sum + price, 0);
  return tradeCoupon({
    ..."percent" in off
      ? { percent_off: off.percent }
      : { amount_off: [{ currency, amount: Math.ceil(worth * off.thousandths / 1000) }] },
    skus: applies_to === "skus" ? [sku] : [],
    categories: applies_to === "categories" && category !== null ? [category] : [],
  });
}

export const consignments = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 8 }),
  shipFrom: fc.constantFrom("XA", "DE", "CN"),
  incoterm: fc.constantFrom("DAP" as const, "DDP" as const),
  currency,
  schedule,
  optionCurrency: currency,
  optionPrice: fc.nat(50_000),
  optionFreeFrom: fc.option(fc.integer({ min: 1, max: 500_000 })),
  coupon: fc.option(anyCoupon, { freq: 3 }),
}).map(({ schedule, optionCurrency, optionPrice, optionFreeFrom, coupon, ...asked }) => {
  const bands = [{ up_to_grams: 10_000_000, price: optionPrice }];
  const facts: TradeFacts = {
    schedule,
    rates: RATES,
    hsCodes: { "id of A": "69120023" },
    shippingOptions: [shippingOption("post", { currency: optionCurrency, bands, free_from: optionFreeFrom })],
  };
  const input: LandedCostInput = {
    destination: "XA",
    shippingOption: "post",
    ...asked,
    ...coupon && { coupon: couponFor(asked, coupon) },
  };
  return { input, facts };
});
