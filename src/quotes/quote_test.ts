import { assertEquals, assertThrows } from "@std/assert";
import { exampleRates, exampleSchedule } from "../../tests/support/example_trade.ts";
import { shippingOption, tradeProduct, tradeSchedule } from "../../tests/support/trade.ts";
import { AppError } from "../platform/errors.ts";
import { landedCost, type ProductFacts } from "../trade/mod.ts";
import { EXAMPLE_QUOTE } from "./example.ts";
import { estimateOptions } from "./estimate_options.ts";
import { destinationOf, draftQuote, type QuotedCart } from "./quote.ts";

const CART: QuotedCart = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  version: 1,
  user_id: null,
  status: "open",
  order_id: null,
  merged_into: null,
  currency: "EUR",
  destination: "CH",
  coupon_code: null,
  items: [],
  expires_at: "2026-12-31T00:00:00.000Z",
};
const ASK = { shipping_option: "parcel-world", incoterm: "DDP" as const };

Deno.test("A quote is for the destination that it is asked for, else for the cart's, and says if there is none", () => {
  assertEquals(destinationOf(CART, { ...ASK, destination: "US" }), "US");
  assertEquals(destinationOf(CART, ASK), "CH");
  const error = assertThrows(() => destinationOf({ ...CART, destination: null }, ASK), AppError);
  assertEquals(
    error.message,
    "There is no quote for this: the destination is needed, as the cart has none",
  );
  assertEquals(error.errors, [{
    pointer: "/destination",
    code: "required",
    message: "the destination is needed, as the cart has none",
  }]);
});

Deno.test("Of several ways the cheapest at the door comes first: what is due on delivery counts as well", () => {
  const product = { ...tradeProduct("MUG"), status: "active" as const, available: 5 };
  const option = (code: string, price: number) =>
    shippingOption(code, { bands: [{ up_to_grams: 10_000, price }] });
  // With the dearer one the consignment is beyond the threshold: less is collected now, and more on delivery.
  const facts = {
    schedule: tradeSchedule({
      tax: { collected_by_seller_up_to: { basis: "goods_and_shipping", amount: 2600 } },
    }),
    rates: [],
    hsCodes: {},
    shippingOptions: [option("also-cheap", 500), option("cheap", 500), option("swift", 700)],
  };
  const cart = { ...CART, destination: "XA", items: [{ sku: "MUG", quantity: 2 }] };
  const estimates = estimateOptions(
    new Date("2026-01-31T12:00:00.000Z"),
    "DE",
    cart,
    { incoterm: "DAP" },
    new Map([["MUG", product]]),
    facts,
  );
  assertEquals(
    estimates.map((e) => [e.shipping_option, e.total_price, e.duty_on_delivery, e.tax_on_delivery]),
    [["also-cheap", 3050, 250, 0], ["cheap", 3050, 250, 0], ["swift", 2700, 270, 594]],
  );
});

Deno.test("A refusal names all that is in the way: goods that are gone, or short, and what trade has against the others", () => {
  const known = { hs_code: "691200", country_of_origin: "DE", weight_grams: 100, prices: { EUR: 1000 } };
  const product = (sku: string, available: number, more: Partial<ProductFacts> = {}): ProductFacts => (
    { ...tradeProduct(sku, known), status: "active", available, ...more }
  );
  const products = new Map(
    [
      product("GONE", 5, { status: "archived" }),
      product("SHORT", 1),
      product("UNKNOWN", 5, { country_of_origin: null }),
    ].map((each) => [each.sku, each]),
  );
  const cart = { ...CART, items: [...products.keys()].map((sku) => ({ sku, quantity: 2 })) };
  const facts = {
    schedule: exampleSchedule("CH"),
    rates: exampleRates(),
    hsCodes: {},
    shippingOptions: [shippingOption("parcel-world", { countries: ["CH"] })],
  };
  const now = new Date("2026-01-31T12:00:00.000Z");
  const refusal = (items: string[], refuse: (cart: QuotedCart) => unknown) => {
    const some = { ...cart, items: cart.items.filter(({ sku }) => items.includes(sku)) };
    const { code, errors }: AppError = assertThrows(() => refuse(some), AppError);
    return [code, ...errors.map(({ pointer, code }) => `${pointer} ${code}`)];
  };
  for (
    const refuse of [
      (cart: QuotedCart) => draftQuote(now, 900_000, "DE", cart, ASK, products, facts),
      (cart: QuotedCart) => estimateOptions(now, "DE", cart, ASK, products, facts),
    ]
  ) {
    assertEquals(refusal(["GONE", "SHORT", "UNKNOWN"], refuse), [
      "quote_refused",
      "/items/0 gone",
      "/items/2/country_of_origin country_of_origin_missing",
      "/items/1/quantity insufficient_stock",
    ]);
    assertEquals(refusal(["SHORT"], refuse), ["insufficient_stock", "/items/0/quantity insufficient_stock"]);
    assertEquals(refusal(["GONE"], refuse), ["quote_refused", "/items/0 gone"]);
  }
});

Deno.test("The document's example of a quote is what the example schedule makes of its goods", () => {
  const { ship_from: shipFrom, destination, currency, incoterm, lines: [line], shipping } = EXAMPLE_QUOTE;
  const { product_id: id, name, sku, hs_code, country_of_origin, weight_grams, quantity } = line!;
  const product = tradeProduct(sku, {
    ...{ id, name, hs_code, country_of_origin, weight_grams },
    prices: { EUR: line!.unit_price },
  });
  const schedule = { ...exampleSchedule(destination), source: EXAMPLE_QUOTE.explanation.at(-1)!.source! };
  const option = shippingOption(shipping.code, {
    name: shipping.name,
    carrier: "DHL",
    countries: [destination],
    bands: [{ up_to_grams: 5000, price: 1500 }],
  });
  const input = {
    ...{ shipFrom, destination, currency, incoterm },
    shippingOption: shipping.code,
    lines: [{ product, quantity }],
  };
  const facts = { schedule, rates: exampleRates(), hsCodes: {}, shippingOptions: [option] };
  assertEquals({ ...EXAMPLE_QUOTE, ...landedCost(input, facts) }, EXAMPLE_QUOTE);
});
