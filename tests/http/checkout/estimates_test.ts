import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { putShippingOption, ShippingOptionBody } from "../../../src/trade/mod.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, tryCheckOut } from "../../support/checkout.ts";
import { levelOf } from "../../support/orders.ts";

async function addOption(app: TestApp, code: string, price: number, more: Record<string, unknown> = {}) {
  const option = ShippingOptionBody.parse({
    name: code,
    countries: ["GB"],
    currency: "EUR",
    bands: [{ up_to_grams: 20_000, price }],
    ...more,
  });
  await putShippingOption(systemCtx(app.deps, "test"), { option: { code, ...option } });
}

const estimates = (
  app: TestApp,
  cartId: string,
  query = "",
  headers: Record<string, string> = {},
  token?: string,
) => app.request("GET", `/v1/carts/${cartId}/estimates${query}`, { headers, token });

Deno.test("Estimates say for each shipping option what a quote would, the cheapest first, and hold nothing", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await openBorders(app);
  await addOption(app, "express", 1500, { min_days: 1, max_days: 2 });
  await addOption(app, "letter", 100, { bands: [{ up_to_grams: 500, price: 100 }] });
  const { sku } = await addExport(app);
  const cart = await fillCart(app, user, { [sku]: 3 });
  for (const incoterm of ["DDP", "DAP"]) {
    const { status, body } = await estimates(app, cart.id, `?incoterm=${incoterm}`, {}, user.token);
    assertEquals(status, 200, JSON.stringify(body));
    assertEquals((await levelOf(app, sku)).reserved, 0);
    assertEquals(body.data.map((each: typeof body) => [each.shipping_option, each.min_days]), [
      ["standard", null],
      ["express", 1],
    ]);
    for (
      const { shipping_option, shipping_name, min_days: _, max_days: __, weight_grams, ...cost } of body.data
    ) {
      const { body: quote } = await askQuote(app, user, cart.id, { shipping_option, incoterm });
      for (const [name, value] of Object.entries(cost)) assertEquals(value, quote[name], name);
      assertEquals([quote.shipping.name, quote.shipping.weight_grams], [shipping_name, weight_grams]);
    }
    // What its own quote holds is there for the cart.
    await app.deps.sql`update stock_levels set on_hand = reserved where sku = ${sku}`;
    assertEquals((await estimates(app, cart.id, "", {}, user.token)).status, 200);
    await app.deps.sql`update stock_levels set on_hand = 100, reserved = 0 where sku = ${sku}`;
    await app.deps.sql`update quotes set status = 'superseded'`;
  }
});

Deno.test("From the worth on that an option is free for, estimate, quote and order have no shipping, nor what is on it", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await openBorders(app);
  await addOption(app, "generous", 500, { free_from: 3000 });
  const { sku } = await addExport(app, { prices: { EUR: 1000 } });
  const costs = async (quantity: number) => {
    const cart = await fillCart(app, user, { [sku]: quantity });
    const { body: { data } } = await estimates(app, cart.id, "?incoterm=DDP", {}, user.token);
    const { body: quote } = await askQuote(app, user, cart.id, {
      shipping_option: "generous",
      incoterm: "DDP",
    });
    const { body: { order } } = await tryCheckOut(app, user, quote);
    const told = data.find((each: typeof quote) => each.shipping_option === "generous");
    return [told, quote, order].map(({ shipping_total, total_price }) => [shipping_total, total_price]);
  };
  // 10 % duty on goods and shipping, 20 % VAT on all of it.
  assertEquals(await costs(2), Array(3).fill([500, 2500 + 250 + 550]));
  assertEquals(await costs(3), Array(3).fill([0, 3000 + 300 + 660]));
});

Deno.test("A guest who shows the cart's token is told what it would cost, others that there is no such cart", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const { sku } = await addExport(app);
  const body = { currency: "EUR", items: [{ sku, quantity: 1 }] };
  const { body: cart } = await app.request("POST", "/v1/carts", { body });
  const headers = { "Cart-Token": cart.token };
  const { status, body: { data } } = await estimates(app, cart.id, "?destination=GB", headers);
  assertEquals([status, data.length, data[0].destination], [200, 1, "GB"]);
  assertEquals((await estimates(app, cart.id, "?destination=GB")).status, 404);
  const stranger = await app.user();
  assertEquals((await estimates(app, cart.id, "?destination=GB", {}, stranger.token)).status, 404);
  const nowhere = await estimates(app, cart.id, "", headers);
  assertEquals([nowhere.status, nowhere.body.errors[0].code], [422, "required"]);
});

Deno.test("Where nothing delivers, or goods may not go there, the refusal says so", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await openBorders(app);
  const { id, sku } = await addExport(app);
  const cart = await fillCart(app, user, { [sku]: 1 });
  const codes = async (query = "") => {
    const { status, body } = await estimates(app, cart.id, query, {}, user.token);
    return [status, body.code, ...body.errors.map(({ code }: { code: string }) => code)];
  };
  assertEquals(await codes("?destination=BR"), [422, "quote_refused", "shipping_not_available"]);
  await app.deps.sql`update products set hs_code = '930320' where id = ${id}`;
  assertEquals(await codes(), [422, "quote_refused", "restricted"]);
  await app.deps.sql`update products set hs_code = '691200' where id = ${id}`;
  await app.deps.sql`update products set weight_grams = 30000 where id = ${id}`;
  assertEquals(await codes(), [422, "quote_refused", "shipping_not_available"]);
  await app.deps.sql`update stock_levels set on_hand = 0 where sku = ${sku}`;
  assertEquals(await codes(), [422, "quote_refused", "shipping_not_available", "insufficient_stock"]);
  await app.deps.sql`update products set weight_grams = 300 where id = ${id}`;
  assertEquals(await codes(), [409, "insufficient_stock", "insufficient_stock"]);
});

Deno.test("No cache keeps what a cart would cost: it is told to whoever shows its token, and true of the moment", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app);
  const cart = await fillCart(app, user, { [sku]: 1 });
  const { status, headers } = await app.request("GET", `/v1/carts/${cart.id}/estimates`, {
    token: user.token,
  });
  assertEquals([status, headers.get("Cache-Control")], [200, "no-store"]);
});
