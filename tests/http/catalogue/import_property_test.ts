import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { at, CSV, NDJSON, ndjson, sendFile } from "./products.ts";

const words = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) =>
  text.replaceAll(/[\r\ufffd]/g, "")
);
const cellText = fc.oneof(
  words,
  fc.constantFrom('a "quoted" word', "a,b", "two\nlines", '"', " padded ", "", "\0", "007"),
);
const code = fc.constantFrom("EUR", "GBP", "JPY", "eur", "XXQ");

/** Products as people send them: mostly right. */
const anyProduct = fc.record({
  name: fc.oneof({ weight: 5, arbitrary: fc.constantFrom("Mug", "Cup, blue", 'Mug 5"') }, {
    weight: 1,
    arbitrary: cellText,
  }),
  description: fc.option(cellText),
  category: fc.option(fc.constantFrom("Kitchen", "Größe", "a\tb"), { freq: 3 }),
  prices: fc.option(fc.uniqueArray(fc.record({ currency: code, amount: fc.integer({ min: -1, max: 1e9 }) }), {
    selector: ({ currency }) => currency,
    maxLength: 3,
  })),
  weight_grams: fc.option(fc.constantFrom(0, 350, 0.5, 2 ** 31 - 1, -1)),
  hs_code: fc.option(fc.constantFrom("6912.00.23", "691200", "770000", "69")),
  country_of_origin: fc.option(fc.constantFrom("PT", "DE", "xx")),
  status: fc.constantFrom("draft", "active", "archived", "deleted"),
  attributes: fc.option(fc.dictionary(
    fc.constantFrom("colour", "Größe", "a.b/c", "_x"),
    fc.oneof(
      cellText,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    ),
  )),
}, { requiredKeys: ["name"] });

const comparable = (
  { id: _i, sku: _s, created_at: _c, updated_at: _u, ...product }: Record<string, unknown>,
) => product;

/** What single calls make of each product, and what an import of them all makes; both come to the same. */
async function comparesWithSingleCalls(
  app: TestApp,
  token: string,
  run: number,
  products: Record<string, unknown>[],
  send: (lines: Record<string, unknown>[]) => Promise<{ created: number; failed: number }>,
): Promise<void> {
  const singles = await Promise.all(
    products.map((product, i) =>
      app.request("POST", "/v1/products", { token, body: { sku: `S-${run}-${i}`, ...product } })
    ),
  );
  const counts = await send(products.map((product, i) => ({ sku: `I-${run}-${i}`, ...product })));
  assertEquals(counts.created, singles.filter(({ status }) => status === 201).length);
  assertEquals(counts.failed, singles.filter(({ status }) => status === 422).length);
  for (const [i, single] of singles.entries()) {
    const imported = await app.request("GET", at(`I-${run}-${i}`), { token });
    assertEquals(imported.status, single.status === 201 ? 200 : 404);
    if (single.status === 201) assertEquals(comparable(imported.body), comparable(single.body));
  }
}

Deno.test("whatever products come, an NDJSON import makes of them what single calls make", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyProduct, { minLength: 1, maxLength: 6 }),
      (products) =>
        comparesWithSingleCalls(
          app,
          token,
          run++,
          products,
          async (lines) => (await sendFile(app, token, NDJSON, ndjson(lines))).body,
        ),
    ),
    { numRuns: 60 },
  );
});

Deno.test("whatever products come, a CSV import makes of them what single calls make", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const csvProduct = fc.record({
    name: fc.constantFrom("Mug", "Cup, blue", 'Mug 5"'),
    description: cellText,
    category: fc.constantFrom(null, "Kitchen", "Größe"),
    weight_grams: fc.constantFrom(null, 0, 350, 0.5),
    hs_code: fc.constantFrom(null, "6912.00.23", "770000"),
    country_of_origin: fc.constantFrom(null, "PT", "xx"),
    status: fc.constantFrom("draft", "active", "archived", "deleted"),
    prices: fc.uniqueArray(
      fc.record({
        currency: fc.constantFrom("EUR", "GBP", "KWD"),
        amount: fc.integer({ min: -1, max: 1e9 }),
      }),
      { selector: ({ currency }) => currency },
    ),
    attributes: fc.dictionary(fc.constantFrom("colour", "Größe"), fc.constantFrom("blue", "a,b", '"', "007")),
  });
  const quote = (value: unknown) =>
    value === null || value === undefined ? "" : `"${`${value}`.replaceAll('"', '""')}"`;
  const header = "sku,name,description,category,weight_grams,hs_code,country_of_origin,status," +
    "price_EUR,price_GBP,price_KWD,attributes.colour,attributes.Größe";
  // deno-lint-ignore no-explicit-any
  const toRow = (product: any) =>
    header.split(",").map((column) => {
      const currency = column.split("price_")[1];
      // deno-lint-ignore no-explicit-any
      if (currency) return quote(product.prices.find((price: any) => price.currency === currency)?.amount);
      return quote(column.startsWith("attributes.") ? product.attributes[column.slice(11)] : product[column]);
    }).join(",");
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(csvProduct, { minLength: 1, maxLength: 6 }),
      (products) =>
        comparesWithSingleCalls(
          app,
          token,
          run++,
          products,
          async (lines) => (await sendFile(app, token, CSV, [header, ...lines.map(toRow)].join("\r\n"))).body,
        ),
    ),
    { numRuns: 60 },
  );
});
