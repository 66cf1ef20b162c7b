import { assert, assertEquals, assertMatch } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";
import { at, count, create } from "./products.ts";

Deno.test("a product is added with its prices, its stock level and its event", async () => {
  await using app = await startTestApp();
  const { id: userId, token } = await app.user("staff");
  const answer = await app.request("POST", "/v1/products", {
    token,
    body: {
      sku: "MUG/BLUE-1",
      name: "  Mug, blue ",
      description: "Stoneware\n0.3 l",
      category: "Kitchen",
      prices: [{ currency: "JPY", amount: 2200 }, { currency: "EUR", amount: 1499 }],
      weight_grams: 350,
      hs_code: "6912.00.23",
      country_of_origin: "PT",
      attributes: { colour: "blue", volume_l: 0.3, dishwasher_safe: true, retired: null },
    },
  });
  assertEquals(answer.status, 201);
  const { id, created_at, ...product } = answer.body;
  assertEquals(answer.headers.get("Location"), `/v1/products/${id}`);
  assertEquals(answer.headers.get("ETag"), '"1"');
  assertEquals(product, {
    sku: "MUG/BLUE-1",
    name: "Mug, blue",
    description: "Stoneware\n0.3 l",
    category: "Kitchen",
    prices: [{ currency: "EUR", amount: 1499 }, { currency: "JPY", amount: 2200 }],
    weight_grams: 350,
    hs_code: "69120023",
    country_of_origin: "PT",
    status: "active",
    attributes: { colour: "blue", volume_l: 0.3, dishwasher_safe: true },
    version: 1,
    updated_at: created_at,
  });
  for (const ref of [id, "MUG/BLUE-1"]) assertEquals((await app.request("GET", at(ref))).body, answer.body);
  const [level] = await app.deps.sql`select on_hand, available from stock_levels where sku = 'MUG/BLUE-1'`;
  assertEquals(level, { on_hand: 0, available: 0 });
  assertEquals(await eventsOf(app, "product", id), [
    { type: "product.created", sequence: 1, actor: `user:${userId}`, user_id: null, data: answer.body },
  ]);
});

Deno.test("only sku and name are needed", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { id: _, created_at, ...product } = await create(app, token, { sku: "A", name: "Thing" });
  assertEquals(product, {
    sku: "A",
    name: "Thing",
    description: "",
    category: null,
    prices: [],
    weight_grams: null,
    hs_code: null,
    country_of_origin: null,
    status: "active",
    attributes: {},
    version: 1,
    updated_at: created_at,
  });
});

Deno.test("a SKU is one product, whatever its case", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "Mug-1" });
  for (const sku of ["Mug-1", "MUG-1", "mug-1"]) {
    const answer = await app.request("POST", "/v1/products", { token, body: { sku, name: "Another" } });
    assertEquals([answer.status, answer.body.code], [409, "sku_taken"]);
    assertEquals(answer.body.errors[0].pointer, "/sku");
  }
  assertEquals(await count(app, "products"), 1);
  assertEquals(await count(app, "events"), 1);
});

Deno.test("of 20 simultaneous additions of one SKU one succeeds", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) =>
        app.request("POST", "/v1/products", {
          token,
          body: { sku: i % 2 ? "Mug" : "MUG", name: `Mug ${i}` },
        }),
    ),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [201, ...Array(19).fill(409)]);
  assertEquals(await count(app, "events"), 1);
});

Deno.test("the same Idempotency-Key adds once and answers the same again", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const send = (name: string) =>
    app.request("POST", "/v1/products", {
      token,
      body: { sku: "MUG", name },
      headers: { "Idempotency-Key": "k-1" },
    });
  const answers = await Promise.all(Array.from({ length: 10 }, () => send("Mug")));
  assertEquals(new Set(answers.map(({ status }) => status)), new Set([201]));
  assertEquals(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  assertEquals(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true").length, 9);
  for (const { headers, body } of answers) assertEquals(headers.get("Location"), `/v1/products/${body.id}`);
  assertEquals((await send("Another")).body.code, "idempotency_key_reused");
  assertEquals([await count(app, "products"), await count(app, "events")], [1, 1]);
});

Deno.test("a refused addition leaves its Idempotency-Key free", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "MUG" });
  const send = (sku: string) =>
    app.request("POST", "/v1/products", {
      token,
      body: { sku, name: "Mug" },
      headers: { "Idempotency-Key": "k-1" },
    });
  assertEquals((await send("MUG")).status, 409);
  assertEquals((await send("MUG-2")).status, 201);
});

Deno.test("every faulty field is named, and nothing is added", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const cases: [Record<string, unknown>, string, RegExp?][] = [
    [{ sku: " A" }, "/sku"],
    [{ sku: "-A" }, "/sku"],
    [{ sku: "A".repeat(65) }, "/sku"],
    [{ sku: "A B" }, "/sku"],
    [{ sku: "A\nB" }, "/sku"],
    [{ sku: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11" }, "/sku", /UUID/],
    [{ sku: null }, "/sku"],
    [{ name: "" }, "/name"],
    [{ name: "   " }, "/name"],
    [{ name: "a\nb" }, "/name", /control/],
    [{ name: "a".repeat(301) }, "/name"],
    [{ name: "nul\0" }, "/name"],
    [{ name: "\ud800" }, "/name"],
    [{ name: null }, "/name"],
    [{ description: "a".repeat(20_001) }, "/description"],
    [{ description: "\0" }, "/description"],
    [{ category: "" }, "/category"],
    [{ prices: [{ currency: "EUR", amount: 14.99 }] }, "/prices/0/amount"],
    [{ prices: [{ currency: "EUR", amount: -1 }] }, "/prices/0/amount"],
    [{ prices: [{ currency: "EUR", amount: 2 ** 53 }] }, "/prices/0/amount"],
    [{ prices: [{ currency: "EUR", amount: "1499" }] }, "/prices/0/amount"],
    [{ prices: [{ currency: "eur", amount: 1 }] }, "/prices/0/currency"],
    [{ prices: [{ currency: "ABC", amount: 1 }] }, "/prices/0/currency"],
    [
      { prices: [{ currency: "EUR", amount: 1 }, { currency: "EUR", amount: 2 }] },
      "/prices/1/currency",
      /already/,
    ],
    [{ prices: { EUR: 1 } }, "/prices"],
    [{ prices: [{ currency: "EUR", amount: 1, tax: 1 }] }, "/prices/0/tax"],
    [{ weight_grams: -1 }, "/weight_grams"],
    [{ weight_grams: 0.5 }, "/weight_grams"],
    [{ weight_grams: 2 ** 31 }, "/weight_grams"],
    [{ hs_code: "7700.00" }, "/hs_code", /01 to 97, except 77/],
    [{ hs_code: "69120" }, "/hs_code", /6, 8 or 10 digits/],
    [{ hs_code: 691200 }, "/hs_code"],
    [{ country_of_origin: "XX" }, "/country_of_origin"],
    [{ country_of_origin: "pt" }, "/country_of_origin"],
    [{ status: "deleted" }, "/status"],
    [{ status: null }, "/status"],
    [{ attributes: { "": 1 } }, "/attributes/"],
    [{ attributes: { ["a".repeat(65)]: 1 } }, `/attributes/${"a".repeat(65)}`],
    [{ attributes: { list: [1] } }, "/attributes/list"],
    [{ attributes: { ["__proto__"]: 1 } }, "/attributes/__proto__"],
    [{ attributes: { text: "a".repeat(1001) } }, "/attributes/text"],
    [{ attributes: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, i])) }, "/attributes"],
    [{ attributes: [] }, "/attributes"],
  ];
  for (const [fault, pointer, message] of cases) {
    const answer = await app.request("POST", "/v1/products", {
      token,
      body: { sku: "A", name: "Thing", ...fault },
    });
    assertEquals(answer.status, 422, JSON.stringify(fault));
    assert(
      answer.body.errors.some((error: { pointer: string }) => error.pointer === pointer),
      `${JSON.stringify(fault)}: ${JSON.stringify(answer.body.errors)}`,
    );
    if (message) assertMatch(JSON.stringify(answer.body.errors), message);
  }
  assertEquals(await count(app, "products"), 0);
});

Deno.test("what is not the caller's to set is refused on adding and changing", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const before = await create(app, token, { sku: "MUG" });
  const forbidden = {
    id: before.id,
    version: 99,
    created_at: "2020-01-01T00:00:00Z",
    updated_at: "2020-01-01T00:00:00Z",
    search: "x",
    on_hand: 100,
    constructor: 1,
  };
  for (const [field, value] of Object.entries(forbidden)) {
    const body = { sku: "CUP", name: "Cup", [field]: value };
    const created = await app.request("POST", "/v1/products", { token, body });
    assertEquals([created.status, created.body.errors[0].pointer], [422, `/${field}`]);
    const changed = await app.request("PATCH", at("MUG"), { token, body: { name: "Cup", [field]: value } });
    assertEquals([changed.status, changed.body.errors[0].pointer], [422, `/${field}`]);
  }
  const renamed = await app.request("PATCH", at("MUG"), { token, body: { sku: "CUP" } });
  assertEquals([renamed.status, renamed.body.errors[0].pointer], [422, "/sku"]);
  const [row] = await app.deps.sql`select name, version from products`;
  assertEquals(row, { name: "Mug", version: 1 });
});

Deno.test("only staff add, change and import", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  await create(app, staff.token, { sku: "MUG" });
  const calls = (token?: string) => [
    app.request("POST", "/v1/products", { token, body: { sku: "CUP", name: "Cup" } }),
    app.request("PATCH", at("MUG"), { token, body: { name: "Cup" } }),
    app.request("POST", "/v1/products/import", {
      token,
      body: '{"sku":"BOWL","name":"Bowl"}',
      headers: { "Content-Type": "application/x-ndjson" },
    }),
  ];
  for (const call of calls()) assertEquals((await call).status, 401);
  for (const call of calls((await app.user("customer")).token)) assertEquals((await call).status, 403);
  assertEquals(await count(app, "products"), 1);
  for (const call of calls((await app.user("admin")).token)) assert((await call).status < 300);
});

Deno.test("malformed JSON and another content type are said to be that", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const send = (body: string, type: string) =>
    app.request("POST", "/v1/products", { token, body, headers: { "Content-Type": type } });
  assertEquals((await send('{"sku":', "application/json")).status, 400);
  assertEquals((await send("sku=A", "application/x-www-form-urlencoded")).status, 415);
  assertEquals((await send("[]", "application/json")).status, 422);
});
