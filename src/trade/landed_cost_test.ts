/**
 * Holds the code to the worked examples of docs/landed-cost.md, which are worked out by hand: the arithmetic stands in
 * the last column of each row, the sources of the rates in tools/example_trade.
 */
import { assert, assertEquals } from "@std/assert";
import { exampleRates, exampleSchedule, exampleShippingOptions } from "../../tests/support/example_trade.ts";
import { tradeCoupon } from "../../tests/support/trade.ts";
import { currencyDigits } from "../platform/money.ts";
import type { Coupon } from "../promotions/mod.ts";
import type { ExplanationEntry, LandedCostInput, TradeFacts, TradeProduct } from "./facts.ts";
import { landedCost } from "./landed_cost.ts";

const [PRODUCTS, EXAMPLES] = readTables(Deno.readTextFileSync("docs/landed-cost.md"), [
  ["SKU", "HS code", "origin", "grams", "category", "prices"],
  ["what it shows", "asked for", "goods", "shipping", "duty", "tax", "at checkout", "at the door", "how"],
]);
const products = new Map(PRODUCTS!.map((row) => [row.SKU!, readProduct(row)]));

assert(EXAMPLES!.length >= 25);
Deno.test("The README counts the worked examples right", () => {
  const [, count] = /(\d+) cases worked by hand/.exec(Deno.readTextFileSync("README.md"))!;
  assertEquals(Number(count), EXAMPLES!.length);
});
for (const row of EXAMPLES!) {
  Deno.test(`Worked by hand: ${row["what it shows"]}`, () => {
    const { input, facts } = readQuestion(row["asked for"]!);
    const cost = landedCost(input, facts);
    const amounts = (cell: string) =>
      row[cell]!.split(" + ").map((amount) => minorUnits(amount, input.currency));
    // What is paid for goods is told as their full price and a discount.
    const told = (...kinds: ExplanationEntry["kind"][]) =>
      cost.lines.map(({ line }) =>
        cost.explanation.filter((entry) => entry.line === line && kinds.includes(entry.kind))
          .reduce((sum, { amount }) => sum + amount, 0)
      );
    assertEquals({
      goods: cost.lines.map(({ line_total }) => line_total),
      shipping: cost.lines.map(({ shipping_amount }) => shipping_amount),
      duty: cost.lines.map(({ duty_amount, duty_on_delivery }) => duty_amount + duty_on_delivery),
      tax: cost.lines.map(({ tax_amount, tax_on_delivery }) => tax_amount + tax_on_delivery),
      checkout: [cost.total_price],
      door: [cost.duty_on_delivery, cost.tax_on_delivery],
    }, {
      goods: amounts("goods"),
      shipping: amounts("shipping"),
      duty: amounts("duty"),
      tax: amounts("tax"),
      checkout: amounts("at checkout"),
      door: amounts("at the door"),
    });
    assertEquals(told("goods", "discount"), amounts("goods"));
    for (const kind of ["shipping", "duty", "tax"] as const) assertEquals(told(kind), amounts(kind));
  });
}

/** `US → DE, EUR, DAP, parcel-world, 2026-07-01: 2 TEE, 1 TOY as 95030041; less 10 % of Toys`, day and coupon if need be */
function readQuestion(text: string): { input: LandedCostInput; facts: TradeFacts } {
  const [, shipFrom, destination, currency, incoterm, shippingOption, day, goods, less] =
    /^(\w\w) → (\w\w), (\w{3}), (DAP|DDP), ([\w-]+)(?:, (\d{4}-\d\d-\d\d))?: ([^;]+)(?:; less (.+))?$/
      .exec(text)!;
  const asked = goods!.split(", ").map((each) => /^(\d+) ([\w-]+)(?: as (\d+))?$/.exec(each)!);
  const hsCodes = asked.flatMap(([, , sku, code]) => code === undefined ? [] : [[sku!, code]]);
  return {
    input: {
      shipFrom: shipFrom!,
      destination: destination!,
      currency: currency!,
      incoterm: incoterm as LandedCostInput["incoterm"],
      shippingOption: shippingOption!,
      lines: asked.map(([, quantity, sku]) => ({
        product: products.get(sku!)!,
        quantity: Number(quantity),
      })),
      coupon: less === undefined ? undefined : readCoupon(less, currency!),
    },
    facts: {
      schedule: exampleSchedule(destination!, day),
      rates: exampleRates(),
      hsCodes: Object.fromEntries(hsCodes),
      shippingOptions: exampleShippingOptions(),
    },
  };
}

/** `12.5 %` or `10.00`, of everything or `… of Books` */
function readCoupon(text: string, currency: string): Coupon {
  const [, amount, percent, category] = /^([\d.]+)( %)?(?: of (\w+))?$/.exec(text)!;
  return tradeCoupon({
    ...percent
      ? { percent_off: amount! }
      : { amount_off: [{ currency, amount: minorUnits(amount!, currency) }] },
    categories: category === undefined ? [] : [category],
  });
}

function readProduct(row: Record<string, string>): TradeProduct {
  const prices = row.prices!.split(", ").map((price) => {
    const [currency, amount] = price.split(" ");
    return [currency!, minorUnits(amount!, currency!)];
  });
  return {
    id: row.SKU!,
    sku: row.SKU!,
    name: row.SKU!,
    category: row.category || null,
    hs_code: row["HS code"]!,
    country_of_origin: row.origin!,
    weight_grams: Number(row.grams),
    prices: Object.fromEntries(prices),
  };
}

/** "12.114" KWD → 12114; a bare 0 in any currency. */
function minorUnits(text: string, currency: string): number {
  if (text === "0") return 0;
  const [whole, fraction = ""] = text.split(".");
  assertEquals(fraction.length, currencyDigits(currency), `${text} ${currency}`);
  return Number(whole! + fraction);
}

/** The rows of the Markdown tables that have these headers. */
function readTables(text: string, headers: string[][]): Record<string, string>[][] {
  const rows = text.split("\n").map((line) =>
    line.startsWith("|") ? line.split("|").slice(1, -1).map((cell) => cell.trim()) : []
  );
  return headers.map((header) => {
    const start = rows.findIndex((row) => row.join("|") === header.join("|"));
    assert(start >= 0, `docs/landed-cost.md has no table of ${header.join(", ")}`);
    const end = rows.findIndex((row, index) => index > start && row.length === 0);
    return rows.slice(start + 2, end).map((row) =>
      Object.fromEntries(header.map((name, i) => [name, row[i]!]))
    );
  });
}
