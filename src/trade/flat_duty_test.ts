import { assertEquals, assertThrows } from "@std/assert";
import {
  askFor,
  dutyRate,
  shippingOption,
  tradeFacts,
  tradeProduct,
  tradeSchedule,
} from "../../tests/support/trade.ts";
import { AppError } from "../platform/errors.ts";
import type { LandedCostInput, TradeFacts, TradeRules } from "./facts.ts";
import { landedCost } from "./landed_cost.ts";

const LOW_VALUE = { up_to: { amount: 15000, basis: "goods" as const }, per_subheading: 300 };
const AT_150 = LOW_VALUE.up_to;

const flat = (
  known: Parameters<typeof tradeSchedule>[0] = {},
  low_value: TradeRules["duty"]["low_value"] = LOW_VALUE,
) => tradeSchedule({ ...known, duty: { low_value, ...known.duty } });

const dutiesOf = (input: LandedCostInput, facts: TradeFacts) =>
  landedCost(input, facts).lines.map(({ duty_amount }) => duty_amount);

function reasons(input: LandedCostInput, facts: TradeFacts): string[] {
  const error: AppError = assertThrows(() => landedCost(input, facts), AppError);
  return error.errors.map(({ pointer, code }) => `${pointer} ${code}`);
}

const MUG = tradeProduct("MUG", { hs_code: "69120085" });
const BOWL = tradeProduct("BOWL", { hs_code: "69120023", prices: { EUR: 3000 } });
const BOOK = tradeProduct("BOOK", { hs_code: "490199" });

Deno.test("Each subheading costs once, whatever the quantity, the lines, the last digits, the origin and the rate", () => {
  const facts = tradeFacts({ schedule: flat({ duty_rates: [dutyRate("69", "0.9"), dutyRate("49", "0")] }) });
  assertEquals(dutiesOf(askFor([MUG]), facts), [300]);
  assertEquals(dutiesOf(askFor([[MUG, 9]]), facts), [300]);
  assertEquals(dutiesOf(askFor([MUG, BOOK, BOWL]), facts), [75, 300, 225]);
  const fromChina = { ...BOWL, country_of_origin: "CN" };
  assertEquals(dutiesOf(askFor([MUG, fromChina, MUG]), facts), [60, 180, 60]);
});

Deno.test("The destination's own code decides to which subheading goods belong", () => {
  const schedule = flat();
  const ask = askFor([MUG, BOWL]);
  assertEquals(dutiesOf(ask, tradeFacts({ schedule })), [75, 225]);
  assertEquals(dutiesOf(ask, tradeFacts({ schedule, hsCodes: { "id of BOWL": "69111000" } })), [300, 300]);
});

Deno.test("At the threshold the duty is flat, a cent over it by the rates; what is compared is what the law says", () => {
  const worth = (EUR: number) => askFor([tradeProduct("A", { prices: { EUR } })]);
  const facts = tradeFacts({ schedule: flat() });
  assertEquals([dutiesOf(worth(15000), facts), dutiesOf(worth(15001), facts)], [[300], [1550]]);
  const up_to = { amount: 15000, basis: "goods_and_shipping" as const };
  const withShipping = tradeFacts({ schedule: flat({}, { ...LOW_VALUE, up_to }) });
  assertEquals([dutiesOf(worth(14500), withShipping), dutiesOf(worth(14501), withShipping)], [[300], [1500]]);
});

Deno.test("The flat amount is converted and rounded once a subheading, and its shares add up to it", () => {
  const rates = [{ currency: "USD", rate: "1.0956", as_of: "2026-01-02", source: "ECB" }];
  const dollars = (sku: string) => tradeProduct(sku, { prices: { USD: 1000 } });
  const ask = askFor([dollars("A"), dollars("B"), dollars("C")], { currency: "USD" });
  // 3.00 EUR are 3.2868 USD
  assertEquals(dutiesOf(ask, tradeFacts({ schedule: flat(), rates })), [110, 110, 109]);
  const ties = [{ currency: "USD", rate: "1.075", as_of: "2026-01-02", source: "ECB" }];
  // 3.00 EUR are 3.225 USD, and 3.22 is even
  assertEquals(
    dutiesOf(askFor([dollars("A")], { currency: "USD" }), tradeFacts({ schedule: flat(), rates: ties })),
    [322],
  );
});

Deno.test("The flat duty of free goods is split by weight, and of such as weigh nothing by quantity", () => {
  const free = (sku: string, weight_grams: number) => tradeProduct(sku, { weight_grams, prices: { EUR: 0 } });
  const facts = tradeFacts({ schedule: flat() });
  assertEquals(dutiesOf(askFor([free("A", 100), free("B", 500), BOOK]), facts), [50, 250, 300]);
  assertEquals(dutiesOf(askFor([free("A", 0), [free("B", 0), 2]]), facts), [100, 200]);
});

Deno.test("Each line says by which rule, rate, basis, exchange and source its flat duty came to be", () => {
  const rates = [{ currency: "USD", rate: "1.25", as_of: "2026-01-02", source: "ECB" }];
  const facts = tradeFacts({ schedule: flat({ rules: { currency: "USD" } }), rates });
  const entries = landedCost(askFor([MUG, BOOK, BOWL], { incoterm: "DAP" }), facts).explanation
    .filter(({ kind }) => kind === "duty");
  const told = {
    kind: "duty" as const,
    collected: false,
    rate: "3.00 USD/item",
    basis: 5000,
    exchange: { from: "USD", to: "EUR", rate: "0.8", as_of: "2026-01-02", source: "ECB" },
    source: "Law of XA",
  };
  const because =
    "2.40 EUR, converted from 3.00 USD, whatever the quantity, as the goods are worth no more " +
    "than 150.00 USD";
  const share = `Its share by value of the flat duty on goods of HS 691200: ${because}`;
  assertEquals(entries, [
    { ...told, line: 1, amount: 60, rule: share, rounding: "largest_remainder" },
    { ...told, line: 2, amount: 240, rule: `Flat duty on goods of HS 490199: ${because}`, rounding: "exact" },
    { ...told, line: 3, amount: 180, rule: share, rounding: "largest_remainder" },
  ]);
  const [entry] = landedCost(askFor([MUG]), tradeFacts({ schedule: flat() })).explanation
    .filter(({ kind }) => kind === "duty");
  assertEquals([entry!.rule, entry!.exchange], [
    "Flat duty on goods of HS 691200: 3.00 EUR whatever the quantity, as the goods are worth no more than 150.00 EUR",
    null,
  ]);
});

Deno.test("The flat duty is paid at checkout with DDP, at the door with DAP, and not at all at home", () => {
  const paid = (known: Partial<LandedCostInput>) => {
    const cost = landedCost(askFor([MUG], known), tradeFacts({ schedule: flat() }));
    return [cost.duty_total, cost.duty_on_delivery];
  };
  assertEquals(paid({ incoterm: "DDP" }), [300, 0]);
  assertEquals(paid({ incoterm: "DAP" }), [0, 300]);
  assertEquals(paid({ incoterm: "DAP", shipFrom: "XA" }), [0, 0]);
});

Deno.test("Tax is on the flat duty as on any other, but where the seller collects it on what the law says for that", () => {
  const taxOf = (tax: Partial<TradeRules["tax"]>) => {
    const facts = tradeFacts({ schedule: flat({ tax }) });
    return landedCost(askFor([MUG]), facts).explanation.filter(({ kind }) => kind === "tax")
      .map(({ amount, basis, rule }) => [amount, basis, rule.split(";")[0]])[0];
  };
  const onAll = [360, 1800, "VAT: 20 % of goods, shipping and duty"];
  const collected_by_seller_up_to = AT_150;
  assertEquals(taxOf({}), onAll);
  assertEquals(taxOf({ collected_by_seller_up_to }), onAll);
  assertEquals(taxOf({ collected_by_seller_up_to, seller_base: ["goods", "shipping"] }), [
    300,
    1500,
    "VAT: 20 % of goods and shipping",
  ]);
  const less = { ...AT_150, amount: 999 };
  assertEquals(taxOf({ collected_by_seller_up_to: less, seller_base: ["goods", "shipping"] }), onAll);
});

Deno.test("A flat duty needs no rate for the goods, but an HS code, and an exchange rate if it is in another currency", () => {
  const silent = flat({ duty_rates: [] });
  assertEquals(dutiesOf(askFor([MUG]), tradeFacts({ schedule: silent })), [300]);
  assertEquals(reasons(askFor([[MUG, 16]]), tradeFacts({ schedule: silent })), [
    "/items/0/hs_code no_duty_rate",
  ]);
  assertEquals(reasons(askFor([{ ...MUG, hs_code: null }]), tradeFacts({ schedule: silent })), [
    "/items/0/hs_code hs_code_missing",
  ]);
  const inPounds = tradeFacts({ schedule: flat({ rules: { currency: "GBP" } }) });
  assertEquals(reasons(askFor([MUG]), inPounds), ["/currency no_exchange_rate"]);
  const unpriced = askFor([{ ...MUG, prices: {} }]);
  assertEquals(reasons(unpriced, tradeFacts({ schedule: silent })), ["/items/0 no_price"]);
});

Deno.test("A flat duty that makes a line too large to be told is refused", () => {
  const schedule = flat({ tax: { rates: [] } }, { ...LOW_VALUE, per_subheading: Number.MAX_SAFE_INTEGER });
  const free = [shippingOption("post", { bands: [{ up_to_grams: 10_000, price: 0 }] })];
  const facts = tradeFacts({ schedule, shippingOptions: free });
  assertEquals(reasons(askFor([MUG]), facts), ["/items/0 amount_too_large"]);
});
