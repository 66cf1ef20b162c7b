import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { at, count, create, CSV, eventsOf, NDJSON, ndjson, sendFile } from "./products.ts";

/** A report without errors. */
const report = (counts: Partial<Record<"created" | "updated" | "unchanged", number>>) => ({
  created: 0,
  updated: 0,
  unchanged: 0,
  failed: 0,
  errors: [],
  error_count: 0,
  ...counts,
});

/** Sends a body that is made while it is sent. */
async function stream(app: TestApp, token: string, body: ReadableStream<Uint8Array>): Promise<Response> {
  return await app.fetch(
    new Request("http://waybill.test/v1/products/import", {
      method: "POST",
      body,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": NDJSON },
    }),
  );
}

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("lines add, change and leave products as single calls would, with an event for each change", async () => {
  await using app = await startTestApp();
  const { id: userId, token } = await app.user("staff");
  const old = await create(app, token, {
    sku: "OLD",
    name: "Old",
    category: "Kitchen",
    prices: [{ currency: "EUR", amount: 1 }, { currency: "GBP", amount: 2 }],
    attributes: { colour: "blue", size: 1 },
  });
  const same = await create(app, token, { sku: "SAME", name: "Same" });
  const answer = await sendFile(
    app,
    token,
    NDJSON,
    ndjson([
      {
        sku: "OLD",
        category: null,
        prices: [{ currency: "GBP", amount: 3 }],
        attributes: { colour: null, size: 2 },
      },
      { sku: "SAME", name: " Same " },
      { sku: "NEW", name: "New", hs_code: "6912.00", prices: [{ currency: "EUR", amount: 5 }] },
    ]),
  );
  assertEquals([answer.status, answer.body], [200, report({ created: 1, updated: 1, unchanged: 1 })]);
  const changed = (await app.request("GET", at("OLD"))).body;
  assertEquals(changed, {
    ...old,
    category: null,
    prices: [{ currency: "GBP", amount: 3 }],
    attributes: { size: 2 },
    version: 2,
    updated_at: changed.updated_at,
  });
  assertEquals((await eventsOf(app, old.id))[1], {
    type: "product.updated",
    sequence: 2,
    actor: `user:${userId}`,
    user_id: null,
    data: {
      ...changed,
      changes: {
        category: { from: "Kitchen", to: null },
        prices: { from: old.prices, to: changed.prices },
        attributes: { from: { colour: "blue", size: 1 }, to: { size: 2 } },
      },
    },
  });
  assertEquals((await eventsOf(app, same.id)).length, 1);
  const added = (await app.request("GET", at("NEW"))).body;
  assertEquals((await eventsOf(app, added.id)).map(({ type, data }) => [type, data]), [[
    "product.created",
    added,
  ]]);
  assertEquals([added.hs_code, added.status, added.prices], ["691200", "active", [{
    currency: "EUR",
    amount: 5,
  }]]);
  assertEquals(await count(app, "stock_levels"), 3);
});

Deno.test("CSV changes only the columns it has: an empty cell clears, but not a name or a status", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const old = await create(app, token, {
    sku: "OLD",
    name: "Old",
    category: "Kitchen",
    weight_grams: 5,
    status: "draft",
    prices: [{ currency: "EUR", amount: 1 }, { currency: "GBP", amount: 2 }],
    attributes: { colour: "blue", size: 1 },
  });
  const file =
    "\ufeffsku,name,status,description,weight_grams,price_EUR,price_JPY,attributes.colour,attributes.n\r\n" +
    'OLD,,,"two\r\nlines, ""quoted""",,,2200,,7\r\n' +
    "\r\n,,,,,,,,\r\n" +
    "NEW,New thing,,,350,1499,,red,";
  const answer = await sendFile(app, token, "text/csv; charset=utf-8", file);
  assertEquals(answer.body, report({ created: 1, updated: 1 }));
  const changed = (await app.request("GET", at("OLD"), { token })).body;
  assertEquals(changed, {
    ...old,
    description: 'two\nlines, "quoted"',
    weight_grams: null,
    prices: [{ currency: "GBP", amount: 2 }, { currency: "JPY", amount: 2200 }],
    attributes: { size: 1, n: "7" },
    version: 2,
    updated_at: changed.updated_at,
  });
  const added = (await app.request("GET", at("NEW"))).body;
  assertEquals([added.name, added.weight_grams, added.prices, added.attributes, added.status], [
    "New thing",
    350,
    [{ currency: "EUR", amount: 1499 }],
    { colour: "red" },
    "active",
  ]);
  assertEquals((await sendFile(app, token, CSV, file)).body, report({ unchanged: 2 }));
});

Deno.test("10,000 lines with bad ones among them: each is reported, all others are imported, once", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const faults: [(i: number) => string, string | null][] = [
    [(i) => `{"sku":"X-${i}"`, null],
    [(i) => `{"sku":"X-${i}"}`, "/name"],
    [(i) => `{"sku":"X-${i}","name":"x","prices":[{"currency":"EUR","amount":1.5}]}`, "/prices/0/amount"],
    [(i) => `{"sku":"X-${i}","name":"x","colour":"blue"}`, "/colour"],
    [() => '{"sku":"SKU-1","name":"again"}', null],
    [() => '{"sku":"sku-1","name":"again"}', null],
    [() => '{"name":"x"}', "/sku"],
    [() => "null", "/"],
    [(i) => `{"sku":"X-${i}","name":"${"x".repeat(70_000)}"}`, null],
  ];
  const wrong: { line: number; field: string | null }[] = [];
  const lines = Array.from({ length: 10_000 }, (_, i) => {
    if (i % 50 !== 49) {
      return JSON.stringify({
        sku: `SKU-${i}`,
        name: `Product ${i}`,
        category: `Category ${i % 20}`,
        prices: [{ currency: "EUR", amount: i }, { currency: "GBP", amount: i + 1 }],
        attributes: { colour: "blue", i },
      });
    }
    const [line, field] = faults[(i - 49) / 50 % faults.length]!;
    wrong.push({ line: i + 1, field });
    return line(i);
  });
  const first = await sendFile(app, token, NDJSON, lines.join("\n"));
  assertEquals(first.status, 200);
  const { errors, ...counts } = first.body;
  assertEquals(counts, { created: 9_800, updated: 0, unchanged: 0, failed: 200, error_count: 200 });
  assertEquals(
    errors.map(({ line, field }: { line: number; field: string | null }) => ({ line, field })),
    wrong,
  );
  assertEquals([await count(app, "products"), await count(app, "events")], [9_800, 9_800]);
  assertEquals(await count(app, "product_prices"), 19_600);

  const second = await sendFile(app, token, NDJSON, lines.join("\r\n") + "\r\n");
  assertEquals(second.body, { ...first.body, created: 0, unchanged: 9_800 });
  assertEquals(await count(app, "events"), 9_800);
});

Deno.test("of lines with one SKU the first counts, so the same file again changes nothing", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const lines = [
    { sku: "A", name: "First" },
    { sku: "A", name: "Second" },
    ...Array.from({ length: 600 }, (_, i) => ({ sku: `B-${i}`, name: "B" })),
    { sku: "a", name: "Third" },
  ];
  const first = await sendFile(app, token, NDJSON, ndjson(lines));
  const errors = [2, 603].map((line) => ({
    line,
    sku: line === 2 ? "A" : "a",
    field: null,
    message: "has the SKU of line 1, which counts",
  }));
  assertEquals(first.body, { created: 601, updated: 0, unchanged: 0, failed: 2, errors, error_count: 2 });
  const second = await sendFile(app, token, NDJSON, ndjson(lines));
  assertEquals(second.body, { created: 0, updated: 0, unchanged: 601, failed: 2, errors, error_count: 2 });
  assertEquals((await app.request("GET", at("A"))).body.name, "First");
});

Deno.test("a SKU that differs from a product's in case only is refused", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "MUG", name: "Mug" });
  const { body } = await sendFile(
    app,
    token,
    NDJSON,
    ndjson([{ sku: "mug", name: "Other" }, { sku: "B", name: "B" }]),
  );
  assertEquals([body.created, body.failed, body.errors[0].line, body.errors[0].field], [1, 1, 1, "/sku"]);
});

Deno.test("only the first 1,000 errors are listed, all are counted", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const lines = Array.from({ length: 1_500 }, (_, i) => ({ sku: `A-${i}`, colour: "blue", name: 1 }));
  const { body } = await sendFile(app, token, NDJSON, ndjson(lines));
  assertEquals([body.failed, body.error_count, body.errors.length], [1_500, 3_000, 1_000]);
  assertEquals(body.errors.at(-1).line, 500);
});

Deno.test("a bad CSV record costs its own line and none after it", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const file = [
    "sku,name,price_EUR,weight_grams",
    "A1,fine,1,",
    'A2,"Mug 5" tall",1,',
    'A3,nail 5" long,1,',
    'A4,"open,1,',
    "A5,fine,1,",
    "A6,too,many,1,",
    "A7,few",
    'A8,fine,"1",',
    "A9,decimal,14.99,",
    "A10,heavy,1,1.5",
    "A11,latin \xe9,1,", // sent as ISO 8859-1
    ",no sku,1,",
    "A12,fine,0,7",
    'A13,"never closed,1,',
  ].join("\n");
  const bytes = Uint8Array.from(file, (character) => character.charCodeAt(0));
  const response = await app.fetch(
    new Request("http://waybill.test/v1/products/import", {
      method: "POST",
      body: bytes,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": CSV },
    }),
  );
  const body = await response.json();
  assertEquals([body.created, body.failed], [4, 10]);
  assertEquals(
    body.errors.map(({ line, field }: { line: number; field: string | null }) => [line, field]),
    [
      [3, null],
      [4, null],
      [5, null],
      [7, null],
      [8, null],
      [10, "price_EUR"],
      [11, "weight_grams"],
      [12, null],
      [13, "sku"],
      [15, null],
    ],
  );
  const names = await app.deps.sql`select sku from products order by id`;
  assertEquals(names.map(({ sku }) => sku), ["A1", "A5", "A8", "A12"]);
});

Deno.test("a CSV header that is not understood stops the file before its first line", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (
    const [header, pointer] of [
      ["name", "/sku"],
      ["sku,name,colour", "/colour"],
      ["sku,name,Name", "/Name"],
      ["sku,name,name", "/name"],
      ["sku,name,price_XXQ", "/price_XXQ"],
      ["sku,name,price_", "/price_"],
      ["sku,name,attributes.", "/attributes."],
      ["sku,name,attributes.__proto__", "/attributes.__proto__"],
      ["sku,name,__proto__", "/__proto__"],
      ["sku,name,id", "/id"],
      ["sku;name", "/sku;name"],
    ]
  ) {
    const { status, body } = await sendFile(app, token, CSV, `${header}\nA,Thing,1\n`);
    assertEquals([status, body.errors[0].pointer], [422, pointer], header);
  }
  assertEquals((await sendFile(app, token, CSV, 'sku,"name\nA,Thing\n')).status, 422);
  assertEquals(await count(app, "products"), 0);
});

Deno.test("an empty file has nothing to do", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (const type of [CSV, NDJSON]) {
    for (const file of ["", "\n\r\n\n"]) {
      assertEquals((await sendFile(app, token, type, file)).body, report({}), JSON.stringify(file));
    }
  }
  for (const type of ["application/json", "text/plain", "multipart/form-data"]) {
    assertEquals((await sendFile(app, token, type, "{}")).status, 415);
  }
});

Deno.test("lines are imported while the file still arrives", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const lines = (from: number) =>
    encode(ndjson(Array.from({ length: 1_000 }, (_, i) => ({ sku: `A-${from + i}`, name: "A" }))));
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The next part is sent only once the one before it is in the database.
      const deadline = Date.now() + 20_000;
      while (await count(app, "products") < sent) {
        if (Date.now() > deadline) return controller.error(new Error("nothing of it is imported yet"));
      }
      if (sent === 3_000) return controller.close();
      controller.enqueue(lines(sent));
      sent += 1_000;
    },
  }, { highWaterMark: 0 });
  const response = await stream(app, token, body);
  assertEquals(await response.json(), report({ created: 3_000 }));
});

Deno.test("what came before the connection broke is imported, and the file can be sent again", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const file = ndjson(Array.from({ length: 700 }, (_, i) => ({ sku: `A-${i}`, name: "A" })));
  let isSent = false;
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isSent) controller.error(new Error("gone"));
      else controller.enqueue(encode(file + '{"sku":"HALF","na'));
      isSent = true;
    },
  });
  const response = await stream(app, token, broken);
  assertEquals(response.status, 422);
  assert((await response.json()).detail.includes("broke off in line 701"));
  assertEquals(await count(app, "products"), 700);
  const again = await sendFile(app, token, NDJSON, `${file}{"sku":"HALF","name":"Half"}`);
  assertEquals(again.body, report({ created: 1, unchanged: 700 }));
});

Deno.test("changes by an import are seen at once under id and SKU", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const before = ndjson(Array.from({ length: 60 }, (_, i) => ({ sku: `A-${i}`, name: "Before" })));
  await sendFile(app, token, NDJSON, before);
  const rows = await app.deps.sql<{ id: string; sku: string }[]>`select id, sku from products`;
  const refs = rows.flatMap(({ id, sku }) => [id, sku]);
  const readAll = () => Promise.all(refs.map((ref) => app.request("GET", at(ref))));
  await readAll();
  await Promise.all([
    sendFile(app, token, NDJSON, before.replaceAll("Before", "After")),
    readAll(),
    readAll(),
  ]);
  for (const answer of await readAll()) assertEquals([answer.body.name, answer.body.version], ["After", 2]);
  for (const answer of await readAll()) assertEquals(answer.headers.get("X-Cache-Status"), "HIT");
});

Deno.test("imports, changes and additions of the same products at once neither deadlock nor lose a version", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const skus = Array.from({ length: 120 }, (_, i) => `A-${i}`);
  const shuffled = (seed: number) => skus.toSorted((a, b) => hash(a + seed) - hash(b + seed));
  const imports = Array.from({ length: 8 }, (_, i) =>
    sendFile(
      app,
      token,
      NDJSON,
      ndjson(
        shuffled(i).map((sku) => ({ sku, name: `Import ${i}`, prices: [{ currency: "EUR", amount: i }] })),
      ),
    ));
  const additions = skus.filter((_, i) => i % 10 === 0).map((sku) =>
    app.request("POST", "/v1/products", { token, body: { sku, name: "Single" } })
  );
  const results = await Promise.all(imports);
  assertEquals(results.map(({ status, body }) => [status, body.failed]), Array(8).fill([200, 0]));
  const changes = Array.from(
    { length: 200 },
    (_, i) => app.request("PATCH", at(skus[i * 7 % skus.length]!), { token, body: { weight_grams: i } }),
  );
  const later = Array.from(
    { length: 4 },
    (_, i) =>
      sendFile(app, token, NDJSON, ndjson(shuffled(i + 50).map((sku) => ({ sku, name: `Later ${i}` })))),
  );
  assertEquals(new Set((await Promise.all(later)).map(({ status }) => status)), new Set([200]));
  assertEquals(new Set((await Promise.all(changes)).map(({ status }) => status)), new Set([200]));
  for (const { status } of await Promise.all(additions)) assert(status === 201 || status === 409);
  assertEquals(await count(app, "products"), skus.length);
  const gaps = await app.deps.sql`
    select p.sku from products p join events e on e.aggregate_id = p.id::text
    group by p.id having count(*) <> p.version or max(sequence) <> p.version`;
  assertEquals(gaps.length, 0);
});

function hash(text: string): number {
  let value = 7;
  for (const character of text) value = (value * 31 + character.charCodeAt(0)) % 1_000_003;
  return value * 7919 % 1_000_003;
}

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
