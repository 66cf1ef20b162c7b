/** Any consignment: goods, quantities, law, rates, shipping and currencies at random. */
import fc from "fast-check";
import type { LandedCostInput, Schedule, TradeFacts } from "../../src/trade/facts.ts";
import { dutyRate, shippingOption, taxRate, tradeProduct, tradeSchedule } from "./trade.ts";

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

export const consignments = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 8 }),
  shipFrom: fc.constantFrom("XA", "DE", "CN"),
  incoterm: fc.constantFrom("DAP" as const, "DDP" as const),
  currency,
  schedule,
  optionCurrency: currency,
  optionPrice: fc.nat(50_000),
}).map(({ schedule, optionCurrency, optionPrice, ...asked }) => {
  const bands = [{ up_to_grams: 10_000_000, price: optionPrice }];
  const facts: TradeFacts = {
    schedule,
    rates: RATES,
    hsCodes: { "id of A": "69120023" },
    shippingOptions: [shippingOption("post", { currency: optionCurrency, bands })],
  };
  const input: LandedCostInput = { destination: "XA", shippingOption: "post", ...asked };
  return { input, facts };
});
