import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../platform/errors.ts";
import { changedProduct, mergePrices, newProduct, type ProductChanges } from "./product.ts";

const T0 = new Date("2026-01-01T00:00:00.000Z");
const T1 = new Date("2026-01-02T00:00:00.000Z");
const ID = "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11";

const price = fc.record({ currency: fc.constantFrom("EUR", "GBP", "JPY"), amount: fc.nat() });
const anyChanges: fc.Arbitrary<ProductChanges> = fc.record({
  name: fc.constantFrom("Mug", "Cup"),
  description: fc.option(fc.constantFrom("", "Clay")),
  category: fc.option(fc.constantFrom("Kitchen", "Garden")),
  prices: fc.option(fc.uniqueArray(price, { selector: ({ currency }) => currency })),
  weight_grams: fc.option(fc.constantFrom(0, 350)),
  hs_code: fc.option(fc.constant("691200")),
  country_of_origin: fc.option(fc.constantFrom("PT", "DE")),
  status: fc.constantFrom("draft" as const, "active" as const, "archived" as const),
  attributes: fc.option(fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom(null, 0, "", false, "x"))),
}, { requiredKeys: [] });

Deno.test("a change made twice is made once, and says exactly what differs", () => {
  fc.assert(fc.property(anyChanges, anyChanges, (first, second) => {
    const before = newProduct(ID, T0, { ...first, sku: "MUG", name: first.name ?? "Mug" });
    const { product, changes } = changedProduct(before, T1, second);
    const fields = Object.keys(changes) as (keyof typeof before)[];
    assertEquals(product.version, fields.length > 0 ? 2 : 1);
    assertEquals(product.updated_at, (fields.length > 0 ? T1 : T0).toISOString());
    assertEquals({ ...before, ...Object.fromEntries(fields.map((field) => [field, changes[field]!.to])) }, {
      ...product,
      version: before.version,
      updated_at: before.updated_at,
    });
    for (const field of fields) assertEquals(changes[field]!.from, before[field]);
    assertEquals(changedProduct(product, T1, second), { product, changes: {} });
  }));
});

Deno.test("null and absent attributes are the same, and prices are in the order of their currencies", () => {
  const product = newProduct(ID, T0, {
    sku: "MUG",
    name: "Mug",
    prices: [{ currency: "USD", amount: 1 }, { currency: "EUR", amount: 2 }],
    attributes: { a: null, b: false, c: 0 },
  });
  assertEquals(product.attributes, { b: false, c: 0 });
  assertEquals(product.prices.map(({ currency }) => currency), ["EUR", "USD"]);
});

Deno.test("more than 50 attributes are too many, together with those that are there", () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, i]));
  const product = newProduct(ID, T0, { sku: "MUG", name: "Mug", attributes: many });
  assertThrows(() => changedProduct(product, T1, { attributes: { one: 1 } }), AppError);
});

Deno.test("a price by currency replaces or removes that currency's, and no other", () => {
  const before = [{ currency: "EUR", amount: 1 }, { currency: "GBP", amount: 2 }];
  assertEquals(mergePrices(before, { EUR: null, JPY: 3 }), [
    { currency: "GBP", amount: 2 },
    { currency: "JPY", amount: 3 },
  ]);
  assertEquals(mergePrices(before, {}), before);
});
