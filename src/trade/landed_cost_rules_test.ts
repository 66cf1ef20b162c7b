import { assertEquals, assertThrows } from "@std/assert";
import {
  askFor,
  dutyRate,
  shippingOption,
  taxRate,
  tradeFacts,
  tradeProduct,
  tradeSchedule,
} from "../../tests/support/trade.ts";
import { AppError } from "../platform/errors.ts";
import { MAX_TOTAL, multiply, parseDecimal, roundHalfEven } from "../platform/money.ts";
import { EU_TERRITORY } from "./customs_territory.ts";
import type { DutyRate, ReferenceRate, TradeProduct } from "./facts.ts";
import { landedCost } from "./landed_cost.ts";

const rate = (currency: string, rate: string, as_of = "2026-01-02", source = "ECB"): ReferenceRate => ({
  currency,
  rate,
  as_of,
  source,
});

const dutyOf = (product: TradeProduct, duty_rates: DutyRate[], hsCodes = {}) =>
  landedCost(askFor([product]), tradeFacts({ schedule: tradeSchedule({ duty_rates }), hsCodes })).explanation
    .find(({ kind }) => kind === "duty")!.rate;

const taxOf = (product: TradeProduct, rates: ReturnType<typeof taxRate>[]) =>
  landedCost(askFor([product]), tradeFacts({ schedule: tradeSchedule({ tax: { rates } }) })).explanation
    .find(({ kind }) => kind === "tax")!.rate;

Deno.test("Duty: the longest prefix counts, of equal ones that for the origin, whatever their order", () => {
  const rates = [
    dutyRate("", "0.01"),
    dutyRate("69", "0.02"),
    dutyRate("6912", "0.03"),
    dutyRate("691", "0.07", { origin: "DE" }),
    dutyRate("69", "0.04", { origin: "DE" }),
    dutyRate("6912", "0.05", { origin: "CN" }),
    dutyRate("691110", "0.06"),
  ];
  for (const known of [rates, rates.toReversed()]) {
    assertEquals(dutyOf(tradeProduct("A"), known), "0.03");
    assertEquals(dutyOf(tradeProduct("A", { country_of_origin: "CN" }), known), "0.05");
    assertEquals(dutyOf(tradeProduct("A", { hs_code: "690100" }), known), "0.04");
    assertEquals(dutyOf(tradeProduct("A", { hs_code: "490100" }), known), "0.01");
    assertEquals(dutyOf(tradeProduct("A"), known, { "id of A": "69111000" }), "0.06");
  }
});

Deno.test("Tax: a longer prefix comes before a category, a category before none", () => {
  const rates = [
    taxRate("0.2"),
    taxRate("0.1", { category: "Food" }),
    taxRate("0.05", { hs_prefix: "18" }),
    taxRate("0", { hs_prefix: "18", category: "Food" }),
  ];
  for (const known of [rates, rates.toReversed()]) {
    assertEquals(taxOf(tradeProduct("A"), known), "0.2");
    assertEquals(taxOf(tradeProduct("A", { category: "food" }), known), "0.2");
    assertEquals(taxOf(tradeProduct("A", { category: "Food" }), known), "0.1");
    assertEquals(taxOf(tradeProduct("A", { hs_code: "180632" }), known), "0.05");
    assertEquals(taxOf(tradeProduct("A", { hs_code: "180632", category: "Food" }), known), "0");
  }
});

Deno.test("Own price, then euros, then the first currency that there is a rate for", () => {
  const rates = [rate("USD", "2"), rate("GBP", "0.5"), rate("AUD", "4")];
  const unitPrice = (prices: Record<string, number>) =>
    landedCost(
      askFor([tradeProduct("A", { prices })], { currency: "USD" }),
      tradeFacts({ rates }),
    ).lines[0]!.unit_price;
  assertEquals(unitPrice({ EUR: 100, GBP: 100, USD: 199 }), 199);
  assertEquals(unitPrice({ GBP: 100, EUR: 100 }), 200);
  assertEquals(unitPrice({ GBP: 100, JPY: 1000 }), 400);
  assertEquals(unitPrice({ CHF: 100, GBP: 100 }), 400);
  assertEquals(unitPrice({ GBP: 100, AUD: 100 }), 50);
  assertEquals(unitPrice({ USD: 0, EUR: 100 }), 0);
});

Deno.test("The unit price is rounded, not the line", () => {
  const facts = tradeFacts({ rates: [rate("USD", "1.004")] });
  const { lines } = landedCost(
    askFor([[tradeProduct("A", { prices: { EUR: 100 } }), 10]], { currency: "USD" }),
    facts,
  );
  assertEquals([lines[0]!.unit_price, lines[0]!.line_total], [100, 1000]);
});

Deno.test("No border is crossed at home, within a customs territory and within the EU", () => {
  const dutyFrom = (shipFrom: string, customs_territory: string) => {
    const schedule = tradeSchedule({ rules: { customs_territory } });
    return landedCost(askFor([tradeProduct("A")], { shipFrom }), tradeFacts({ schedule })).duty_total;
  };
  assertEquals([dutyFrom("XA", "XA"), dutyFrom("XA", "EU"), dutyFrom("CH", "CH")], [0, 0, 0]);
  assertEquals([dutyFrom("DE", "EU"), dutyFrom("GR", "EU"), dutyFrom("MC", "EU")], [0, 0, 0]);
  assertEquals([dutyFrom("GB", "EU"), dutyFrom("CH", "EU"), dutyFrom("DE", "XA")], [150, 150, 150]);
  // The 27 members, and Monaco.
  assertEquals(EU_TERRITORY.size, 28);
});

Deno.test("At home tax is on goods and shipping and is collected at once, whatever an import would be", () => {
  const schedule = tradeSchedule({
    tax: { base: ["goods", "duty"], de_minimis: { amount: 1_000_000, basis: "goods" } },
  });
  const cost = landedCost(
    askFor([tradeProduct("A")], { shipFrom: "XA", incoterm: "DAP" }),
    tradeFacts({ schedule }),
  );
  assertEquals([cost.tax_total, cost.tax_on_delivery, cost.total_price], [300, 0, 1800]);
});

Deno.test("What a law names twice among what it taxes is taxed once", () => {
  const taxOn = (base: ("goods" | "shipping" | "duty")[]) =>
    landedCost(askFor([tradeProduct("A")]), tradeFacts({ schedule: tradeSchedule({ tax: { base } }) }))
      .tax_total;
  assertEquals(taxOn(["goods", "duty", "goods"]), taxOn(["goods", "duty"]));
});

Deno.test("A threshold of goods and shipping counts both, and what it is compared with is not rounded", () => {
  const rates = [rate("JPY", "100")];
  const dutyAt = (amount: number, basis: "goods" | "goods_and_shipping") => {
    const schedule = tradeSchedule({ rules: { currency: "JPY" }, duty: { de_minimis: { amount, basis } } });
    const product = tradeProduct("A", { prices: { EUR: 1001 } });
    return landedCost(askFor([product]), tradeFacts({ schedule, rates })).duty_total;
  };
  // 10.01 EUR are 1001 JPY, with shipping of 5.00 EUR 1501 JPY
  assertEquals([dutyAt(1001, "goods"), dutyAt(1000, "goods")], [0, 150]);
  assertEquals([dutyAt(1501, "goods_and_shipping"), dutyAt(1500, "goods_and_shipping")], [0, 150]);
  const inCents = tradeSchedule({
    rules: { currency: "JPY" },
    duty: { de_minimis: { amount: 1, basis: "goods" } },
  });
  // 0.01 EUR are 1.1 JPY: rounded it would be within 1 JPY
  const product = tradeProduct("A", { prices: { EUR: 1 } });
  const cost = landedCost(askFor([product]), tradeFacts({ schedule: inCents, rates: [rate("JPY", "110")] }));
  assertEquals(cost.duty_total, 50);
});

Deno.test("Every amount says by which rule, rate, basis, exchange and source it came to be", () => {
  const schedule = tradeSchedule({
    rules: { currency: "USD", consignee_id: { required: true, name: "Number" } },
    duty_rates: [dutyRate("6912", "0.100000", { per_kg: 150, origin: "DE", note: "Treaty" })],
    tax: { rates: [taxRate("0.200000", { category: "Kitchen" })] },
  });
  const rates = [rate("USD", "1.25000000", "2026-01-02"), rate("GBP", "0.80000000", "2026-01-01", "BoE")];
  const product = tradeProduct("MUG", { category: "Kitchen", prices: { GBP: 1000 } });
  const facts = tradeFacts({
    schedule,
    rates,
    shippingOptions: [shippingOption("post", { carrier: "DHL" })],
  });
  const cost = landedCost(askFor([[product, 2]], { incoterm: "DAP" }), facts);
  const [goods, shipping, duty, tax] = cost.explanation;
  assertEquals(goods, {
    line: 1,
    kind: "goods",
    amount: 2500,
    collected: true,
    rule: "2 × 12.50 EUR, converted from 10.00 GBP a piece",
    rate: null,
    basis: null,
    exchange: { from: "GBP", to: "EUR", rate: "1.25", as_of: "2026-01-01", source: "BoE" },
    rounding: "exact",
    source: null,
  });
  assertEquals(shipping, {
    line: 1,
    kind: "shipping",
    amount: 500,
    collected: true,
    rule: "Name of post, up to 10000 g (1000 g): 5.00 EUR",
    rate: null,
    basis: null,
    exchange: null,
    rounding: "exact",
    source: "DHL",
  });
  // 10 % × 30.00 + 1 kg × 1.50 USD / 1.25 = 3.00 + 1.20
  assertEquals(duty, {
    line: 1,
    kind: "duty",
    amount: 420,
    collected: false,
    rule:
      "Duty on goods of HS 6912 from DE: 10 % of goods and shipping and 1.50 USD for each of 1 kg (Treaty)",
    rate: "0.1 + 1.50 USD/kg",
    basis: 3000,
    exchange: { from: "USD", to: "EUR", rate: "0.8", as_of: "2026-01-02", source: "ECB" },
    rounding: "exact",
    source: "Law of XA",
  });
  assertEquals(tax, {
    line: 1,
    kind: "tax",
    amount: 684,
    collected: false,
    rule: "VAT on category Kitchen: 20 % of goods, shipping and duty",
    rate: "0.2",
    basis: 3420,
    exchange: null,
    rounding: "exact",
    source: "Law of XA",
  });
  assertEquals([cost.total_price, cost.duty_on_delivery, cost.tax_on_delivery], [3000, 420, 684]);
  assertEquals(cost.consignee_id, { required: true, name: "Number" });
});

Deno.test("A cross rate is told with the older of its two days and both sources", () => {
  const rates = [rate("USD", "1.0956", "2026-01-02"), rate("KWD", "0.3365", "2025-12-30", "Bank of Kuwait")];
  const input = askFor([tradeProduct("A", { prices: { USD: 1000 } })], { currency: "KWD" });
  const [goods] = landedCost(input, tradeFacts({ rates })).explanation;
  assertEquals([goods!.amount, goods!.rounding, goods!.exchange], [3071, "half_even", {
    from: "USD",
    to: "KWD",
    rate: "0.307137641475",
    as_of: "2025-12-30",
    source: "ECB; Bank of Kuwait",
  }]);
});

Deno.test("A price can be worked out again by the rate that is told of a currency of which many make one of another", () => {
  const rates = [rate("IDR", "17007.66"), rate("KWD", "0.3365")];
  const input = askFor([tradeProduct("A", { prices: { IDR: 614_300_000 } })], { currency: "KWD" });
  const { unit_price } = landedCost(input, tradeFacts({ rates })).lines[0]!;
  const { rate: told } = landedCost(input, tradeFacts({ rates })).explanation[0]!.exchange!;
  // By the 0.000019785203 of twelve decimals it was 121.541 KWD.
  assertEquals(
    roundHalfEven(multiply(parseDecimal(told), { n: 614_300_000n * 10n, d: 1n })),
    BigInt(unit_price),
  );
  assertEquals([unit_price, told], [121_540, "0.0000197852026675"]);
});

Deno.test("Shipping of free goods is split by weight, and of such as weigh nothing by quantity", () => {
  const free = { prices: { EUR: 0 } };
  const sharesOf = (a: number, b: number) =>
    landedCost(
      askFor([[tradeProduct("A", { ...free, weight_grams: a }), 1], [
        tradeProduct("B", { ...free, weight_grams: b }),
        3,
      ]]),
      tradeFacts(),
    ).lines.map(({ shipping_amount }) => shipping_amount);
  assertEquals([sharesOf(100, 300), sharesOf(0, 0)], [[50, 450], [125, 375]]);
});

Deno.test("Where nothing is charged, an entry says why", () => {
  const threshold = { amount: 15000, basis: "goods" as const };
  const duties = (shipFrom: string, known: Parameters<typeof tradeSchedule>[0]) =>
    landedCost(
      askFor([tradeProduct("A")], { shipFrom, incoterm: "DAP" }),
      tradeFacts({ schedule: tradeSchedule(known) }),
    ).explanation.slice(2).map(({ rule, amount, basis, collected }) => [rule, amount, basis, collected]);
  assertEquals(duties("XA", {})[0], ["No duty: no customs border between XA and XA", 0, null, true]);
  assertEquals(duties("DE", { duty: { de_minimis: threshold }, tax: { de_minimis: threshold } }), [
    ["No duty: the goods are worth no more than 150.00 EUR", 0, 1000, false],
    ["No VAT: the goods are worth no more than 150.00 EUR", 0, 1000, false],
  ]);
  assertEquals(duties("DE", { tax: { rates: [] } })[1], ["No VAT: XA charges none", 0, null, false]);
  assertEquals(duties("DE", { tax: { collected_by_seller_up_to: threshold, scheme: "IOSS" } })[1], [
    "VAT: 20 % of goods, shipping and duty; collected at checkout under IOSS: " +
    "the goods are worth no more than 150.00 EUR",
    330,
    1650,
    true,
  ]);
});

Deno.test("What is sent for nothing says for which worth of goods, what was compared with it, and by which exchange", () => {
  const shippingOf = (currency: string, free_from: number) =>
    landedCost(
      askFor([tradeProduct("A"), tradeProduct("B", { prices: { EUR: 2000 } })], { currency }),
      tradeFacts({
        rates: [rate("USD", "1.0956")],
        shippingOptions: [shippingOption("post", { free_from, carrier: "DHL" })],
      }),
    ).explanation.filter(({ kind }) => kind === "shipping")
      .map(({ amount, rule, basis, exchange, rounding, source }) => [
        amount,
        rule,
        basis,
        exchange && `${exchange.from} ${exchange.to} ${exchange.rate}`,
        rounding,
        source,
      ]);
  const free = [0, "Name of post: free for goods of 30.00 EUR or more"];
  assertEquals(shippingOf("EUR", 3000), Array(2).fill([...free, 3000, null, "exact", "DHL"]));
  // In dollars they cost 10.96 and 21.91, which are 30.0018… euros.
  assertEquals(
    shippingOf("USD", 3000),
    Array(2).fill([...free, 3287, "USD EUR 0.912741876597", "exact", "DHL"]),
  );
  assertEquals(shippingOf("USD", 3001).map(([amount]) => amount), [183, 365]);
  assertEquals(shippingOf("EUR", 3001).map(([amount]) => amount), [167, 333]);
});

Deno.test("Shipping for nothing counts for nothing where a threshold is on goods and shipping", () => {
  const dutyAt = (amount: number, free_from: number) => {
    const de_minimis = { amount, basis: "goods_and_shipping" as const };
    const facts = tradeFacts({
      schedule: tradeSchedule({ duty: { de_minimis } }),
      shippingOptions: [shippingOption("post", { free_from })],
    });
    return landedCost(askFor([tradeProduct("A")]), facts).duty_total;
  };
  assertEquals([dutyAt(1000, 1000), dutyAt(999, 1000)], [0, 100]);
  assertEquals([dutyAt(1500, 1001), dutyAt(1499, 1001)], [0, 150]);
});

Deno.test("What goods must cost to be sent for nothing is in the option's currency, whatever decimals that has or theirs", () => {
  const rates = [rate("JPY", "156.33"), rate("KWD", "0.3365")];
  const shippingOf = (from: string, goods: number, to: string, free_from: number) => {
    const facts = tradeFacts({
      rates,
      shippingOptions: [shippingOption("post", {
        currency: to,
        bands: [{ up_to_grams: 10_000, price: 900 }],
        free_from,
      })],
    });
    const { lines: [line], explanation } = landedCost(
      askFor([tradeProduct("A", { prices: { [from]: goods } })], { currency: from }),
      facts,
    );
    return [line!.shipping_amount === 0, explanation.find(({ kind }) => kind === "shipping")!.rule];
  };
  const free = (worth: string) => [true, `Name of post: free for goods of ${worth} or more`];
  assertEquals(shippingOf("EUR", 10_000, "JPY", 15_633), free("15633 JPY"));
  assertEquals(shippingOf("EUR", 10_000, "JPY", 15_634)[0], false);
  assertEquals(shippingOf("EUR", 9999, "JPY", 15_632)[0], false, "15631.43 are not rounded");
  assertEquals(shippingOf("EUR", 10_000, "KWD", 33_650), free("33.650 KWD"));
  assertEquals(shippingOf("EUR", 10_000, "KWD", 33_651)[0], false);
  assertEquals(shippingOf("KWD", 33_650, "EUR", 10_000), free("100.00 EUR"));
  assertEquals(shippingOf("KWD", 33_649, "EUR", 10_000)[0], false);
  assertEquals(shippingOf("JPY", 15_633, "KWD", 33_650), free("33.650 KWD"));
  assertEquals(shippingOf("JPY", 15_632, "KWD", 33_650)[0], false);
  assertEquals(shippingOf("EUR", MAX_TOTAL / 10, "EUR", MAX_TOTAL / 10)[0], true);
});

Deno.test("An option whose currency has no rate is refused, also for goods that are surely worth enough", () => {
  const facts = tradeFacts({ shippingOptions: [shippingOption("post", { currency: "USD", free_from: 1 })] });
  const error: AppError = assertThrows(() => landedCost(askFor([tradeProduct("A")]), facts), AppError);
  assertEquals(error.errors.map(({ pointer, code }) => [pointer, code]), [["/currency", "no_exchange_rate"]]);
});

Deno.test("The line tells the code that the destination has for the product", () => {
  const facts = tradeFacts({ hsCodes: { "id of A": "69120023" } });
  const { lines } = landedCost(askFor([tradeProduct("A"), tradeProduct("B")]), facts);
  assertEquals(lines.map(({ line, hs_code }) => [line, hs_code]), [[1, "69120023"], [2, "691200"]]);
});

Deno.test("Customs want to know who receives goods only where goods cross a border", () => {
  const consignee_id = { required: true, name: "PCCC" };
  const facts = tradeFacts({ schedule: tradeSchedule({ rules: { consignee_id } }) });
  assertEquals(landedCost(askFor([tradeProduct("A")]), facts).consignee_id, consignee_id);
  assertEquals(landedCost(askFor([tradeProduct("A")], { shipFrom: "XA" }), facts).consignee_id, null);
});
