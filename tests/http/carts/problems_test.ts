import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct } from "../../support/orders.ts";
import { newId } from "../../../src/platform/id.ts";
import { Shopper } from "./shopper.ts";

Deno.test("A product that is no longer sold is a line without a price, and its problem is gone", async () => {
  await using app = await startTestApp();
  const [kept, archived, draft] = [await addProduct(app), await addProduct(app), await addProduct(app)];
  const guest = new Shopper(app);
  const cart = await guest.create({ [kept.sku]: 1, [archived.sku]: 1, [draft.sku]: 1 });
  assertEquals([cart.subtotal, cart.problems], [3 * 1499, []]);
  await app.deps.sql`update products set status = 'archived' where id = ${archived.id}`;
  await app.deps.sql`update products set status = 'draft' where id = ${draft.id}`;
  const { body } = await guest.read(cart.id);
  assertEquals(body.subtotal, 1499);
  assertEquals(body.problems, [
    {
      code: "gone",
      sku: archived.sku,
      pointer: "/items/1",
      message: `${archived.sku} is not sold any more.`,
    },
    { code: "gone", sku: draft.sku, pointer: "/items/2", message: `${draft.sku} is not sold any more.` },
  ]);
  const [, second, third] = body.items;
  assertEquals([second.name, second.product_id, second.unit_price, second.line_total, second.available], [
    `Name of ${archived.sku}`,
    archived.id,
    null,
    null,
    0,
  ]);
  assertEquals([third.name, third.product_id], [null, null], "a draft is the staff's alone");
  assertEquals((await guest.remove(cart.id, archived.sku)).body.problems.length, 1);
});

Deno.test("More than there is in stock is short, with what is available", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app, { stock: 3 });
  const guest = new Shopper(app);
  const cart = await guest.create({ [sku]: 4 });
  const short = {
    code: "short",
    sku,
    pointer: "/items/0",
    message: `3 of ${sku} are available.`,
    available: 3,
  };
  assertEquals([cart.problems, cart.subtotal, cart.items[0].available], [[short], 4 * 1499, 3]);
  assertEquals((await guest.set(cart.id, sku, 3)).body.problems, []);
  await app.deps.sql`update stock_levels set reserved = 2 where sku = ${sku}`;
  assertEquals((await guest.read(cart.id)).body.problems, [{
    ...short,
    message: `1 of ${sku} are available.`,
    available: 1,
  }]);
});

Deno.test("A price that changed since its line was set is said, until the line is set again", async () => {
  await using app = await startTestApp();
  const { id: productId, sku } = await addProduct(app);
  const guest = new Shopper(app);
  const { id } = await guest.create({ [sku]: 2 });
  await app.deps.sql`update product_prices set amount = 1599 where product_id = ${productId}`;
  const { body } = await guest.read(id);
  assertEquals([body.version, body.subtotal, body.items[0].unit_price], [1, 2 * 1599, 1599]);
  assertEquals(
    body.problems.map(({ message: _, ...problem }: Record<string, unknown>) => problem),
    [{ code: "price_changed", sku, pointer: "/items/0", from: 1499, to: 1599 }],
  );
  assertEquals(
    (await guest.patch(id, { note: "A", currency: "EUR" })).body.problems.length,
    1,
    "another change is no consent",
  );
  const { body: set } = await guest.set(id, sku, 2);
  assertEquals([set.problems, set.version], [[], 3]);
});

Deno.test("Without a price in the cart's currency a line counts for nothing, and another currency may have one", async () => {
  await using app = await startTestApp();
  const both = await addProduct(app, { prices: { EUR: 1000, USD: 1100 } });
  const euro = await addProduct(app, { prices: { EUR: 500 } });
  const guest = new Shopper(app);
  const cart = await guest.create({ [both.sku]: 1, [euro.sku]: 2 }, { currency: "USD" });
  assertEquals([cart.subtotal, cart.items[1].unit_price, cart.items[1].line_total], [1100, null, null]);
  assertEquals(cart.problems, [{
    code: "no_price",
    sku: euro.sku,
    pointer: "/items/1",
    message: `${euro.sku} has no price in USD: a quote converts another where there is an exchange rate.`,
    currency: "USD",
  }]);
  const { body } = await guest.patch(cart.id, { currency: "EUR" });
  assertEquals([body.currency, body.subtotal, body.problems], ["EUR", 2000, []]);
  const [stored] = await app.deps.sql`select items from carts where id = ${cart.id}`;
  assertEquals(
    stored!.items.map((item: { added_price: number }) => item.added_price),
    [1000, 500],
    "the prices of the new currency count as seen",
  );
});

Deno.test("Sums beyond 2^53 are not counted, and no answer is ever inexact", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app, { prices: { EUR: Number.MAX_SAFE_INTEGER }, stock: 10 });
  const other = await addProduct(app, { prices: { EUR: 7 } });
  const cart = await new Shopper(app).create({ [sku]: 2, [other.sku]: 1 });
  assertEquals([cart.subtotal, cart.items[0].line_total], [7, null]);
  assertEquals([cart.problems.length, cart.problems[0].code], [1, "amount_too_large"]);
});

/** The law of a destination, with these restrictions, in force from that day on. */
async function addSchedule(
  { deps: { sql } }: TestApp,
  destination: string,
  day: string,
  restrictions: object[],
) {
  const rules = {
    currency: "EUR",
    customs_territory: destination,
    duty: { valuation: "fob", de_minimis: null },
    tax: {
      name: "VAT",
      rates: [],
      base: ["goods"],
      de_minimis: null,
      collected_by_seller_up_to: null,
      scheme: null,
    },
    restrictions,
    consignee_id: null,
  };
  await sql`
    insert into trade_schedules (id, destination, effective_from, rules, source, actor, created_at)
    values (${newId()}, ${destination}, ${day}::text::date, ${
    sql.json(rules as never)
  }, 'A law', 'system:test', now())`;
}

Deno.test("What the destination's rules in force keep out, by HS code or category, is not shippable, with the reason", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const [knife, seeds, mug] = [await addProduct(app), await addProduct(app), await addProduct(app)];
  await sql`update products set hs_code = '821192' where id = ${knife.id}`;
  await sql`update products set category = 'Seeds' where id = ${seeds.id}`;
  const byHs = (verdict: string) => ({ hs_prefix: "8211", category: null, verdict, reason: "Knives" });
  const byCategory = { hs_prefix: null, category: "Seeds", verdict: "licence_required", reason: "Plants" };
  await addSchedule(app, "GB", "2020-01-01", [byHs("licence_required"), byCategory, byHs("forbidden")]);
  await addSchedule(app, "FR", "2020-01-01", [byHs("forbidden")]);
  await addSchedule(app, "FR", "2021-01-01", []);
  await addSchedule(app, "FR", "2999-01-01", [byHs("forbidden")]);

  const guest = new Shopper(app);
  const cart = await guest.create({ [knife.sku]: 1, [seeds.sku]: 1, [mug.sku]: 1 }, { destination: "GB" });
  const expected = [
    {
      code: "not_shippable",
      sku: knife.sku,
      pointer: "/items/0",
      message: `${knife.sku} must not be sent to GB: Knives`,
      destination: "GB",
      verdict: "forbidden",
      reason: "Knives",
    },
    {
      code: "not_shippable",
      sku: seeds.sku,
      pointer: "/items/1",
      message: `${seeds.sku} needs a licence to be sent to GB: Plants`,
      destination: "GB",
      verdict: "licence_required",
      reason: "Plants",
    },
  ];
  assertEquals(cart.problems, expected);
  assertEquals((await guest.read(cart.id)).body.problems, expected);
  for (const destination of ["FR", "US", null]) {
    assertEquals((await guest.patch(cart.id, { destination })).body.problems, [], `${destination}`);
  }
  await sql`
    insert into hs_code_overrides (product_id, destination, hs_code, updated_at) values
      (${mug.id}, 'GB', '82119200', now()), (${knife.id}, 'GB', '730000', now())`;
  const { body } = await guest.patch(cart.id, { destination: "GB" });
  assertEquals(
    body.problems.map(({ sku }: { sku: string }) => sku),
    [seeds.sku, mug.sku],
    "the destination's own code counts",
  );
  // Six digits do not tell whether eight are meant: a quote is refused, and the cart says so as well.
  await addSchedule(app, "CH", "2020-01-01", [{ ...byHs("forbidden"), hs_prefix: "82119200" }]);
  const { body: { problems: [problem, ...others] } } = await guest.patch(cart.id, { destination: "CH" });
  assertEquals([problem.sku, problem.code, others], [knife.sku, "not_shippable", []]);
});

Deno.test("A SKU that is called like what every JavaScript object has is in stock and short like any other", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app, { sku: "constructor", stock: 3 });
  const guest = new Shopper(app);
  const cart = await guest.create({ [sku]: 2 });
  assertEquals((await guest.read(cart.id)).body.items[0].available, 3);
  const { body } = await guest.set(cart.id, sku, 4);
  assertEquals([body.problems[0].code, body.problems[0].available], ["short", 3]);
});
