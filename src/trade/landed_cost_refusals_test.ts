import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  askFor,
  dutyRate,
  shippingOption,
  taxRate,
  tradeFacts,
  tradeProduct,
  tradeSchedule,
} from "../../tests/support/trade.ts";
import { AppError, ERROR_STATUS } from "../platform/errors.ts";
import { MAX_TOTAL } from "../platform/money.ts";
import type { LandedCostInput, TradeFacts } from "./facts.ts";
import { landedCost } from "./landed_cost.ts";

const AT_150 = { amount: 15000, basis: "goods" as const };

function refusal(input: LandedCostInput, facts: TradeFacts): AppError {
  const error: AppError = assertThrows(() => landedCost(input, facts), AppError);
  assertEquals([error.code, ERROR_STATUS[error.code]], ["quote_refused", 422]);
  return error;
}

const reasons = (input: LandedCostInput, facts: TradeFacts) =>
  refusal(input, facts).errors.map(({ pointer, code }) => `${pointer} ${code}`);

Deno.test("A refusal names every reason at once, line by line", () => {
  const schedule = tradeSchedule({
    duty_rates: [dutyRate("69", "0.1")],
    tax: { rates: [taxRate("0.2", { hs_prefix: "69" })] },
    rules: {
      restrictions: [{ hs_prefix: null, category: "Arms", verdict: "forbidden", reason: "No arms." }],
    },
  });
  const input = askFor([
    tradeProduct("FINE"),
    tradeProduct("BARE", { weight_grams: null, hs_code: null, country_of_origin: null, prices: {} }),
    tradeProduct("GUN", { category: "Arms", hs_code: "930200" }),
    [tradeProduct("GOLD", { prices: { EUR: Number.MAX_SAFE_INTEGER } }), 2],
  ], { shippingOption: "pigeon" });
  assertEquals(reasons(input, tradeFacts({ schedule })), [
    "/items/1 no_price",
    "/items/1/weight_grams weight_missing",
    "/items/1/hs_code hs_code_missing",
    "/items/1/country_of_origin country_of_origin_missing",
    "/items/2 restricted",
    "/items/2/hs_code no_duty_rate",
    "/items/2/hs_code no_tax_rate",
    "/items/3 amount_too_large",
    "/shipping_option shipping_not_available",
  ]);
});

Deno.test("Nothing is promised to a place without a schedule, and what else is wrong is said too", () => {
  const input = askFor([tradeProduct("A", { prices: {}, hs_code: null })], { shippingOption: "pigeon" });
  assertEquals(reasons(input, tradeFacts({ schedule: undefined })), [
    "/destination destination_not_served",
    "/items/0 no_price",
    "/shipping_option shipping_not_available",
  ]);
});

Deno.test("Forbidden and licensed goods are refused by code or category, with the rule and its reason", () => {
  const restrictions = [
    { hs_prefix: "2208", category: null, verdict: "forbidden" as const, reason: "No spirits." },
    { hs_prefix: null, category: "Knives", verdict: "licence_required" as const, reason: "Ask the police." },
  ];
  const facts = tradeFacts({
    schedule: tradeSchedule({ rules: { restrictions } }),
    hsCodes: { "id of GIN": "22085011" },
  });
  const knife = tradeProduct("KNIFE", { category: "Knives" });
  const { errors } = refusal(askFor([tradeProduct("GIN"), knife, tradeProduct("MUG")]), facts);
  assertEquals(errors.map(({ message: _, ...error }) => error), [
    {
      pointer: "/items/0",
      code: "restricted",
      sku: "GIN",
      verdict: "forbidden",
      reason: "No spirits.",
      rule: { hs_prefix: "2208", category: null, source: "Law of XA" },
    },
    {
      pointer: "/items/1",
      code: "restricted",
      sku: "KNIFE",
      verdict: "licence_required",
      reason: "Ask the police.",
      rule: { hs_prefix: null, category: "Knives", source: "Law of XA" },
    },
  ]);
  assertEquals(reasons(askFor([knife], { shipFrom: "XA" }), facts), ["/items/0 restricted"]);
});

Deno.test("Goods whose code is too short to tell whether they are restricted are refused until somebody says more", () => {
  const restrictions = [
    { hs_prefix: "69120025", category: null, verdict: "forbidden" as const, reason: "No lead glaze." },
  ];
  const facts = (code?: string) =>
    tradeFacts({
      schedule: tradeSchedule({ rules: { restrictions } }),
      hsCodes: code === undefined ? {} : { "id of MUG": code },
    });
  const ask = askFor([tradeProduct("MUG", { hs_code: "691200" })]);
  const [error, ...others] = refusal(ask, facts()).errors;
  assertEquals([error!.code, error!.verdict, others], ["restricted", "forbidden", []]);
  assertEquals(
    error!.message,
    "MUG, whose HS code 691200 is too short to tell for sure, so staff set a longer one, must not be sent to XA: " +
      "No lead glaze.",
  );
  assertEquals(reasons(ask, facts("6912002510")), ["/items/0 restricted"]);
  assertEquals(landedCost(ask, facts("69120023")).total_price, 1980);
  // At home no code is asked for, and what has none is not refused for it.
  const atHome = askFor([tradeProduct("MUG", { hs_code: null })], { shipFrom: "XA" });
  assertEquals(landedCost(atHome, facts()).duty_total, 0);
});

Deno.test("Shipping that cannot be had is refused with what can: to there, and for this weight", () => {
  const facts = tradeFacts({
    shippingOptions: [
      shippingOption("letter", { bands: [{ up_to_grams: 999, price: 100 }] }),
      shippingOption("parcel", { bands: [{ up_to_grams: 1000, price: 500 }] }),
      shippingOption("elsewhere", { countries: ["XB"] }),
    ],
  });
  const available = (weight_grams: number | null, shippingOption: string) => {
    const input = askFor([[tradeProduct("A", { weight_grams }), 2]], { shippingOption });
    return refusal(input, facts).errors.find(({ pointer }) => pointer === "/shipping_option")!
      .available_options;
  };
  assertEquals(available(500, "letter"), ["parcel"]);
  assertEquals(available(500, "elsewhere"), ["parcel"]);
  assertEquals(available(499, "pigeon"), ["letter", "parcel"]);
  assertEquals(available(501, "parcel"), []);
  assertEquals(available(null, "pigeon"), ["letter", "parcel"]);
  assertEquals(landedCost(askFor([[tradeProduct("A"), 2]], { shippingOption: "parcel" }), facts).shipping, {
    code: "parcel",
    name: "Name of parcel",
    weight_grams: 1000,
  });
});

Deno.test("Goods that cross no border need neither HS code nor origin, but a weight", () => {
  const input = askFor([tradeProduct("A", { hs_code: null, country_of_origin: null })], { shipFrom: "XA" });
  assertEquals(landedCost(input, tradeFacts()).total_price, 1800);
  input.lines[0]!.product.weight_grams = null;
  assertEquals(reasons(input, tradeFacts()), ["/items/0/weight_grams weight_missing"]);
});

Deno.test("A duty rate is missed only where duty is due, and a tax rate only where there is such a tax", () => {
  const silent = { duty_rates: [], tax: { rates: [] } };
  const input = askFor([tradeProduct("A", { prices: { EUR: 15000 } })]);
  assertEquals(reasons(input, tradeFacts({ schedule: tradeSchedule(silent) })), [
    "/items/0/hs_code no_duty_rate",
  ]);
  const dutyFree = tradeSchedule({ ...silent, duty: { de_minimis: AT_150 } });
  assertEquals(landedCost(input, tradeFacts({ schedule: dutyFree })).total_price, 15500);

  const otherGoods = [taxRate("0.2", { hs_prefix: "49" })];
  const taxed = tradeFacts({ schedule: tradeSchedule({ tax: { rates: otherGoods } }) });
  assertEquals(reasons(input, taxed), ["/items/0/hs_code no_tax_rate"]);
  const taxFree = tradeSchedule({ tax: { rates: otherGoods, de_minimis: AT_150 } });
  assertEquals(landedCost(input, tradeFacts({ schedule: taxFree })).tax_total, 0);
});

Deno.test("Without a rate nothing is converted: prices, shipping, thresholds, duty by weight", () => {
  const rates = [{ currency: "USD", rate: "1.1", as_of: "2026-01-02", source: "ECB" }];
  const dollars = [tradeProduct("A", { prices: { USD: 1100 } })];
  assertEquals(reasons(askFor(dollars), tradeFacts()), ["/items/0 no_price"]);
  assertEquals(landedCost(askFor(dollars), tradeFacts({ rates })).subtotal, 1000);

  const posted = tradeFacts({ shippingOptions: [shippingOption("post", { currency: "USD" })] });
  assertEquals(reasons(askFor([tradeProduct("A")]), posted), ["/currency no_exchange_rate"]);

  const inPounds = (known: Parameters<typeof tradeSchedule>[0]) =>
    tradeFacts({ schedule: tradeSchedule({ ...known, rules: { currency: "GBP" } }) });
  const byWeight = { duty_rates: [dutyRate("", "0.1", { per_kg: 1 })] };
  const input = askFor([tradeProduct("A")]);
  for (const known of [{ duty: { de_minimis: AT_150 } }, { tax: { de_minimis: AT_150 } }, byWeight]) {
    assertEquals(reasons(input, inPounds(known)), ["/currency no_exchange_rate"]);
  }
  assertEquals(landedCost(input, inPounds({})).duty_total, 150);
  assertEquals(landedCost({ ...input, shipFrom: "XA" }, inPounds(byWeight)).duty_total, 0);
});

Deno.test("Amounts end at MAX_TOTAL: of a line, and of all together", () => {
  const free = tradeSchedule({ duty_rates: [dutyRate("", "0")], tax: { rates: [] } });
  const facts = tradeFacts({
    schedule: free,
    shippingOptions: [shippingOption("post", { bands: [{ up_to_grams: 10_000, price: 0 }] })],
  });
  const worth = (sku: string, amount: number) => tradeProduct(sku, { prices: { EUR: amount } });
  const most = worth("MOST", MAX_TOTAL);
  assertEquals(landedCost(askFor([most]), facts).total_price, MAX_TOTAL);
  assertEquals(reasons(askFor([worth("A", 1), [most, 2]]), facts), ["/items/1 amount_too_large"]);
  assertEquals(reasons(askFor([most, worth("A", 1)]), facts), ["/items amount_too_large"]);
  const taxed = tradeFacts({ ...facts, schedule: tradeSchedule() });
  assertEquals(reasons(askFor([most], { incoterm: "DAP" }), taxed), ["/items/0 amount_too_large"]);
});

Deno.test("A refusal says in words what is wrong and what would be right", () => {
  const { message, errors } = refusal(
    askFor([tradeProduct("A", { prices: { USD: 5 }, hs_code: null })], { shippingOption: "pigeon" }),
    tradeFacts(),
  );
  assertMatch(message, /^There is no quote for this: A has no price in EUR/);
  assertEquals(errors.map(({ message }) => message), [
    "A has no price in EUR, and those in USD cannot be converted: there is no exchange rate, or nothing comes of it.",
    "The HS code of A is not known: staff set it on the product.",
    "pigeon does not deliver there. Possible: post.",
  ]);
});

Deno.test("What has a price is sold for nothing in no currency", () => {
  const rates = [{ currency: "KRW", rate: "1438.78", as_of: "2026-01-01", source: "ECB" }];
  const screw = tradeProduct("SCREW", { prices: { KRW: 7 }, weight_grams: 0 });
  const ask = askFor([[screw, 1_000_000]], { shipFrom: "XA" });
  const error: AppError = assertThrows(() => landedCost(ask, tradeFacts({ rates })), AppError);
  assertEquals(error.errors.map(({ pointer }) => pointer), ["/items/0"]);
});
