import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  levelOf,
  orderBody,
  place,
  SHIP_TO,
  tryToPlace,
} from "../../support/orders.ts";

interface Refusal {
  pointer: string;
  code: string;
}
const reasons = (errors: Refusal[]) => errors.map(({ pointer, code }) => `${pointer} ${code}`);

Deno.test("Too little stock is a 409 that says what was wanted and what is available", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 5 });
  await place(app, user, { [sku]: 3 });
  const { status, body } = await tryToPlace(app, user, { [sku]: 3 });
  assertEquals([status, body.code], [409, "insufficient_stock"]);
  assertEquals(body.errors, [{
    pointer: "/items/0/quantity",
    code: "insufficient_stock",
    message: `2 of ${sku} are available.`,
    sku,
    requested: 3,
    available: 2,
  }]);
  assertEquals((await levelOf(app, sku)).available, 2);
});

Deno.test("The same SKU in several lines is one demand, whether by SKU or by id", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { id, sku } = await addProduct(app, { stock: 5 });
  const send = (a: number, b: number) =>
    tryToPlace(app, user, {}, { more: { items: [{ sku, quantity: a }, { product_id: id, quantity: b }] } });
  const refused = await send(3, 3);
  assertEquals([refused.status, reasons(refused.body.errors)], [
    409,
    ["/items/0/quantity insufficient_stock", "/items/1/quantity insufficient_stock"],
  ]);
  assertEquals((await send(3, 2)).status, 201);
  assertEquals((await levelOf(app, sku)).available, 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refusal names every line at fault, each with its reason, and the others are left out", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const good = await addProduct(app);
  const few = await addProduct(app, { stock: 1 });
  const archived = await addProduct(app, { status: "archived" });
  const draft = await addProduct(app, { status: "draft" });
  const dollars = await addProduct(app, { prices: { USD: 100 } });
  const nobody = newId();
  const items = [
    { sku: good.sku, quantity: 1 },
    { sku: "UNHEARD-OF", quantity: 1 },
    { product_id: nobody, quantity: 1 },
    { sku: archived.sku, quantity: 1 },
    { product_id: draft.id, quantity: 1 },
    { sku: dollars.sku, quantity: 1 },
    { product_id: few.id, quantity: 2 },
  ];
  const { status, body } = await tryToPlace(app, user, {}, { more: { items } });
  assertEquals([status, body.code], [422, "order_refused"]);
  assertEquals(reasons(body.errors), [
    "/items/1/sku unknown_product",
    "/items/2/product_id unknown_product",
    "/items/3 product_archived",
    "/items/4/product_id unknown_product",
    "/items/5 no_price",
    "/items/6/quantity insufficient_stock",
  ]);
  assertEquals(body.errors[4].currency, "EUR");
  const [rows] = await app.deps.sql`select count(*) from orders`;
  assertEquals(rows!.count, 0);
  assertEquals((await levelOf(app, good.sku)).reserved, 0);
});

Deno.test("A thousand bad lines are named, all thousand", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const items = Array.from({ length: 1000 }, (_, i) => ({ sku: `NONE-${i}`, quantity: 1 }));
  const { status, body } = await tryToPlace(app, user, {}, { more: { items } });
  assertEquals([status, body.errors.length], [422, 1000]);
});

Deno.test("Lines and addresses that make no sense are refused before anything is read", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const line = { sku: "A", quantity: 1 };
  const wrong: [Record<string, unknown>, string][] = [
    [{ items: [] }, "/items"],
    [{ items: [{ ...line, quantity: 0 }] }, "/items/0/quantity"],
    [{ items: [{ ...line, quantity: -1 }] }, "/items/0/quantity"],
    [{ items: [{ ...line, quantity: 1.5 }] }, "/items/0/quantity"],
    [{ items: [{ ...line, quantity: "1" }] }, "/items/0/quantity"],
    [{ items: [{ ...line, quantity: 1_000_001 }] }, "/items/0/quantity"],
    [{ items: [{ quantity: 1 }] }, "/items/0/sku"],
    [{ items: [{ ...line, product_id: newId() }] }, "/items/0/sku"],
    [{ items: [{ ...line, unit_price: -1 }] }, "/items/0/unit_price"],
    [{ items: [{ ...line, unit_price: 2 ** 53 }] }, "/items/0/unit_price"],
    [{ currency: "eur" }, "/currency"],
    [{ currency: "XXZ" }, "/currency"],
    [{ ship_to: { ...SHIP_TO, country: "Germany" } }, "/ship_to/country"],
    [{ ship_to: { ...SHIP_TO, lines: [] } }, "/ship_to/lines"],
    [{ ship_to: { ...SHIP_TO, name: "  " } }, "/ship_to/name"],
    [{ note: "a\0b" }, "/note"],
    [{ metadata: { a: 1 } }, "/metadata/a"],
    [{ placed_at: "yesterday" }, "/placed_at"],
  ];
  for (const [more, pointer] of wrong) {
    const { status, body } = await tryToPlace(app, user, { A: 1 }, { more });
    assertEquals(
      [status, body.code, body.errors[0].pointer],
      [422, "invalid_request", pointer],
      JSON.stringify(more),
    );
  }
});

Deno.test("Broken JSON, other content types and strangers each get their own refusal", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const send = (body: string, headers = {}) => app.request("POST", "/orders", { token, body, headers });
  assertEquals((await send("{")).status, 400);
  assertEquals((await send("")).status, 400);
  assertEquals((await send("a=b", { "Content-Type": "application/x-www-form-urlencoded" })).status, 415);
  assertEquals((await send(JSON.stringify("x".repeat(1024 * 1024)))).status, 413);
  assertEquals((await app.request("POST", "/orders", { body: orderBody({ A: 1 }) })).status, 401);
});
