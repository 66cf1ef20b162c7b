import { testWithRedis } from "../../support/database.ts";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { ProductFilter } from "../../../src/catalogue/product.ts";
import { listProducts } from "../../../src/catalogue/queries.ts";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";
import { create, list } from "./products.ts";
import { countingRows } from "../../support/rows_read.ts";

const skus = ({ body }: { body: { data: { sku: string }[] } }) => body.data.map(({ sku }) => sku);

/** 250 products whose sort keys tie often. */
async function fill({ deps: { sql } }: TestApp): Promise<void> {
  for (let i = 0; i < 250; i++) {
    const id = newId();
    const time = new Date(Date.UTC(2026, 0, 1, 0, i % 40)).toISOString();
    await sql`
      insert into products (id, sku, name, created_at, updated_at)
      values (${id}, ${`P-${i}`}, ${`${i % 2 ? "mug" : "Mug"} ${i % 50}`}, ${time}, ${time})`;
    await sql`insert into product_prices (product_id, currency, amount) values (${id}, 'EUR', ${i % 30})`;
  }
}

for (
  const sort of ["-created_at", "created_at", "name", "-name", "updated_at", "-updated_at", "price", "-price"]
) {
  Deno.test(`a walk by ${sort} yields each of 250 products once, in order, while others are added`, async () => {
    await using app = await startTestApp();
    await fill(app);
    const { token } = await app.user("staff");
    const query = { sort, limit: 17, ...sort.endsWith("price") && { currency: "EUR" } };
    const seen: Record<string, string>[] = [];
    let cursor: string | null = "";
    for (let page = 0; page < 30 && cursor !== null; page++) {
      const answer = await list(app, { ...query, ...cursor && { cursor } });
      assertEquals(answer.status, 200);
      seen.push(...answer.body.data);
      cursor = answer.body.next_cursor;
      if (page < 8) {
        const price = { currency: "EUR", amount: page * 5 };
        await create(app, token, { sku: `NEW-${page}`, name: `Mug ${page * 7}`, prices: [price] });
      }
    }
    const old = seen.map(({ sku }) => sku!).filter((sku) => sku.startsWith("P-"));
    assertEquals([old.length, new Set(old).size], [250, 250]);
    assertEquals(new Set(seen.map(({ sku }) => sku)).size, seen.length);
    // deno-lint-ignore no-explicit-any
    const key = (product: any): string | number => {
      if (sort.endsWith("name")) return product.name.toLowerCase();
      if (sort.endsWith("price")) return product.prices[0].amount;
      return sort.endsWith("updated_at") ? product.updated_at : product.id;
    };
    const sign = sort.startsWith("-") ? -1 : 1;
    const sorted = seen.toSorted((a, b) => {
      const [left, right] = [key(a), key(b)];
      return sign * (left < right ? -1 : left > right ? 1 : a.id! < b.id! ? -1 : 1);
    });
    assertEquals(seen.map(({ sku }) => sku), sorted.map(({ sku }) => sku));
  });
}

Deno.test("times closer together than a millisecond are walked without loss", async () => {
  await using app = await startTestApp();
  for (let i = 0; i < 10; i++) {
    await app.deps.sql`
      insert into products (id, sku, name, updated_at)
      values (${newId()}, ${`P-${i}`}, 'Mug', ${`2026-01-01T00:00:00.00000${
      (i * 7) % 10
    }Z`}::text::timestamptz)`;
  }
  for (const sort of ["updated_at", "-updated_at"]) {
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let i = 0; i <= 10 && cursor !== null; i++) {
      const page = await list(app, { sort, limit: 1, ...cursor && { cursor } });
      seen.push(...skus(page));
      cursor = page.body.next_cursor;
    }
    const expected = Array.from({ length: 10 }, (_, i) => `P-${(i * 3) % 10}`);
    assertEquals(seen, sort === "updated_at" ? expected : expected.toReversed());
  }
});

Deno.test("filters hold together, and each finds what it says", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const eur = (amount: number) => [{ currency: "EUR", amount }];
  await create(app, token, { sku: "A", category: "Kitchen", prices: eur(100), hs_code: "69120023" });
  await create(app, token, { sku: "B", category: "Kitchen", prices: eur(200), country_of_origin: "PT" });
  await create(app, token, { sku: "C", category: "Garden", prices: [{ currency: "GBP", amount: 150 }] });
  await create(app, token, { sku: "D", category: "Kitchen", prices: eur(300), hs_code: "6911.10" });
  await create(app, token, { sku: "E", status: "draft", category: "Kitchen" });
  await create(app, token, { sku: "F", status: "archived", category: "Kitchen" });
  const [{ since }] = await app.deps.sql<
    [{ since: string }]
  >`select created_at as since from products where sku = 'C'`;
  const cases: [Record<string, string | number>, string[]][] = [
    [{}, ["D", "C", "B", "A"]],
    [{ sort: "created_at" }, ["A", "B", "C", "D"]],
    [{ skus: "B,D,A,NONE,D" }, ["D", "B", "A"]],
    [{ skus: "C", category: "Kitchen" }, []],
    [{ skus: "D,E,F" }, ["D"]],
    [{ skus: "d" }, []],
    [{ category: "Kitchen" }, ["D", "B", "A"]],
    [{ category: "kitchen" }, []],
    [{ currency: "EUR" }, ["D", "B", "A"]],
    [{ currency: "EUR", price_min: 200 }, ["D", "B"]],
    [{ currency: "EUR", price_max: 200 }, ["B", "A"]],
    [{ currency: "EUR", price_max: 0 }, []],
    [{ currency: "EUR", price_min: 101, price_max: 299, category: "Kitchen" }, ["B"]],
    [{ currency: "EUR", price_min: 300, price_max: 100 }, []],
    [{ currency: "GBP", sort: "price" }, ["C"]],
    [{ currency: "EUR", sort: "price" }, ["A", "B", "D"]],
    [{ currency: "EUR", sort: "-price", limit: 2 }, ["D", "B"]],
    [{ country_of_origin: "PT" }, ["B"]],
    [{ country_of_origin: "DE" }, []],
    [{ hs_code: "69" }, ["D", "A"]],
    [{ hs_code: "6912" }, ["A"]],
    [{ hs_code: "6912.00.23" }, ["A"]],
    [{ hs_code: "6911", category: "Kitchen" }, ["D"]],
    [{ hs_code: "77" }, []],
    [{ updated_since: since }, ["D", "C"]],
    [{ updated_since: since.replace("Z", "001Z") }, ["D"]],
    [{ updated_since: since.replace("Z", "+00:00"), category: "Garden" }, ["C"]],
    [{ updated_since: "2999-01-01T00:00:00Z" }, []],
  ];
  for (const [query, expected] of cases) {
    const answer = await list(app, query);
    assertEquals([answer.status, skus(answer)], [200, expected], JSON.stringify(query));
  }
  for (
    const [status, expected] of [["draft", ["E"]], ["archived", ["F"]], ["any", [
      "F",
      "E",
      "D",
      "C",
      "B",
      "A",
    ]]] as const
  ) {
    assertEquals(skus(await list(app, { status }, token)), expected);
    assertEquals((await list(app, { status })).status, 401);
    assertEquals((await list(app, { status }, (await app.user("customer")).token)).status, 403);
  }
});

Deno.test("Who names SKUs has all of them on one page, products and levels, unless they ask for fewer", async () => {
  await using app = await startTestApp();
  await fill(app);
  const hundred = Array.from({ length: 100 }, (_, i) => `P-${i}`);
  for (const path of ["/v1/products", "/v1/inventory"]) {
    const page = async (query: string) => {
      const { status, body } = await app.request("GET", `${path}?${query}`);
      assertEquals(status, 200);
      return [body.data.length, body.next_cursor === null];
    };
    assertEquals(await page(`skus=${hundred}`), [100, true]);
    assertEquals(await page(`skus=${hundred.slice(0, 21)}`), [21, true]);
    assertEquals(await page(`skus=P-0,P-0,P-1,NONE`), [2, true]);
    assertEquals(await page(`skus=${hundred}&limit=7`), [7, false]);
  }
  const all = await list(app, {});
  assertEquals([all.body.data.length, all.body.next_cursor !== null], [20, true]);
});

Deno.test("what is in stock, and what is sold out, is found by the units that can be sold", async () => {
  await using app = await startTestApp();
  const sku = async (name: string, stock: number) => (await addProduct(app, { sku: name, stock })).sku;
  await sku("NONE", 0);
  await sku("MANY", 5);
  await place(app, await app.user(), { [await sku("LAST", 1)]: 1 });
  assertEquals(skus(await list(app, { in_stock: "true" })), ["MANY"]);
  assertEquals(skus(await list(app, { in_stock: "false" })), ["LAST", "NONE"]);
  assertEquals(skus(await list(app, { in_stock: "true", currency: "EUR", sort: "price", q: "name" })), [
    "MANY",
  ]);
  assertEquals(skus(await list(app, { in_stock: "true", skus: "NONE" })), []);
  assertEquals((await list(app, { in_stock: "yes" })).status, 422);
});

Deno.test("categories are those of active products, by name, each with how many products it has", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const products = [["A", "Kitchen"], ["B", "Garden"], ["C", "Kitchen"], ["D", "Attic"], ["E", null]];
  for (const [sku, category] of products) await create(app, token, { sku, category });
  await create(app, token, { sku: "F", category: "Kitchen", status: "draft" });
  await create(app, token, { sku: "G", category: "Cellar", status: "archived" });
  const first = await app.request("GET", "/v1/categories?limit=2");
  assertEquals([first.status, first.body.data], [200, [
    { name: "Attic", products: 1 },
    { name: "Garden", products: 1 },
  ]]);
  const { body } = await app.request("GET", `/v1/categories?limit=2&cursor=${first.body.next_cursor}`);
  assertEquals(body, { data: [{ name: "Kitchen", products: 2 }], next_cursor: null });
});

Deno.test("a search finds words wherever they stand, and the beginning of the last one", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "85123A", name: "WHITE HANGING HEART T-LIGHT HOLDER" });
  await create(app, token, {
    sku: "MUG-BLUE",
    name: "Mug, blue",
    description: "Holds 0.3 l",
    category: "Kitchen",
  });
  await create(app, token, { sku: "MUG-RED", name: "Mug, red", category: "Kitchen ware" });
  await create(app, token, { sku: "TASSE", name: "Größe Ü Tasse" });
  const cases: [string, string[]][] = [
    ["mug", ["MUG-RED", "MUG-BLUE"]],
    ["MUG", ["MUG-RED", "MUG-BLUE"]],
    ["mu", ["MUG-RED", "MUG-BLUE"]],
    ["mug bl", ["MUG-BLUE"]],
    ["mug-bl", ["MUG-BLUE"]],
    ["blue mug", ["MUG-BLUE"]],
    ["ug", []],
    ["bl mug", []],
    ["kitchen", ["MUG-RED", "MUG-BLUE"]],
    ["mug -blue", ["MUG-RED"]],
    ["mug -bl", ["MUG-RED", "MUG-BLUE"]],
    ['"mug blue"', ["MUG-BLUE"]],
    ['"holds mug"', []],
    ["red or heart", ["MUG-RED", "85123A"]],
    ["8512", ["85123A"]],
    ["85123a", ["85123A"]],
    ["hold", ["MUG-BLUE", "85123A"]],
    ["größ", ["TASSE"]],
    ["GRÖSSE", ["TASSE"]],
    ["t-light", ["85123A"]],
    ["mug or", []],
    ["!!!", []],
    ["-", []],
  ];
  for (const [q, expected] of cases) assertEquals(skus(await list(app, { q })), expected, q);
  assertEquals(skus(await list(app, { q: "mug", category: "Kitchen", sort: "name" })), ["MUG-BLUE"]);
});

Deno.test("a search takes no notice of accents, neither in what is typed nor in what is there", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "A", name: "Café crème", category: "Thés", description: "Đà Nẵng" });
  await create(app, token, { sku: "B", name: "Cafe\u0301 au lait", description: "Łódź, Ærø" });
  await create(app, token, { sku: "C", name: "Straßenschild", description: "Œuvre 한국어 が" });
  const cases: [string, string[]][] = [
    ["cafe", ["B", "A"]],
    ["CAFÉ", ["B", "A"]],
    ["cafe\u0301", ["B", "A"]],
    ["caf", ["B", "A"]],
    ["café cre", ["A"]],
    ['"cafe creme"', ["A"]],
    ["cafe -creme", ["B"]],
    ["the or lodz", ["B"]],
    ["thes or lodz", ["B", "A"]],
    ["da nang", ["A"]],
    ["aero", ["B"]],
    ["strasse", ["C"]],
    ["oeuvre", ["C"]],
    ["한국어", ["C"]],
    ["が", ["C"]],
    ["か", []],
    ["\u0301", []],
    ["cafe \u0301", ["B", "A"]],
    ["'\u0301", []],
  ];
  for (const [q, expected] of cases) {
    const answer = await list(app, { q });
    assertEquals([answer.status, skus(answer)], [200, expected], q);
  }
  const change = { name: "Tee", category: null, description: "Übersee" };
  await app.request("PATCH", "/v1/products/A", { token, body: change });
  assertEquals(skus(await list(app, { q: "ubersee", sort: "name" })), ["A"]);
  assertEquals(skus(await list(app, { q: "cafe", sort: "name" })), ["B"]);
});

testWithRedis(
  "a list is cached by what it asks for, however it is written, and by nothing else",
  async () => {
    await using app = await startTestApp();
    const { token } = await app.user("staff");
    await create(app, token, { sku: "MUG" });
    const read = async (query: string, token?: string) => {
      const answer = await app.request("GET", `/v1/products${query}`, { token });
      assertEquals(answer.status, 200);
      return [answer.headers.get("X-Cache-Status"), answer.body.data.length];
    };
    assertEquals(await read(""), ["MISS", 1]);
    for (
      const same of [
        "",
        "?",
        "?limit=20",
        "?sort=-created_at&limit=20",
        "?limit=20&sort=-created_at&status=active",
      ]
    ) {
      assertEquals(await read(same), ["HIT", 1], same);
      assertEquals(await read(same, token), ["HIT", 1], same);
    }
    assertEquals(await read("?limit=21"), ["MISS", 1]);
    assertEquals(await read("?q=cup"), ["MISS", 0]);
    assertEquals(await read("?q=cup"), ["HIT", 0]);
    assertEquals(await read("?q=%20cup%20"), ["HIT", 0]);
    assertEquals(await read("?status=any", token), ["MISS", 1]);
    assertEquals(await read("?status=any", token), ["HIT", 1]);
    const refused = await app.request("GET", "/v1/products?status=any");
    assertEquals([refused.status, refused.body.data], [401, undefined]);
    assertNotEquals(refused.headers.get("X-Cache-Status"), "HIT");
  },
);

Deno.test("what few products have is not looked for through the whole catalogue", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const count = 10_000;
  // The oldest, so that whoever begins with the newest meets them last.
  await sql`
    insert into products (id, sku, name, hs_code)
    select ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'P-' || i,
           case when i <= 10 then 'Teapot' else 'Mug' end, case when i <= 10 then '691200' else '691110' end
    from generate_series(1, ${count}::int) i`;
  await sql`vacuum (analyze) products`;
  const look = (filter: Partial<ProductFilter>) =>
    countingRows(
      sql,
      "products",
      (tx) => listProducts(tx, { ...filter, status: "active", sort: "-created_at", limit: 1 }),
    );
  for (const filter of [{ q: "teapot" }, { q: "nothing" }, { hs_code: "6912" }]) {
    const { rows } = await look(filter);
    assert(rows < count / 10, `${JSON.stringify(filter)}: ${rows} products were looked at`);
  }
  for (const filter of [{ q: "mug" }, { hs_code: "6911" }]) {
    const { result } = await look(filter);
    assertEquals(result.map(({ sku }) => sku), [`P-${count}`, `P-${count - 1}`], "the newest of many");
  }
});
