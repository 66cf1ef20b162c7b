import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { at, count, create, CSV, report, sendFile } from "./products.ts";

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
