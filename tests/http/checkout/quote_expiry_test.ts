import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { expireDueCarts } from "../../../src/quotes/mod.ts";
import { startTestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, quoted, tryCheckOut } from "../../support/checkout.ts";
import { untilWaiting } from "../../support/lock_waits.ts";

Deno.test("A quote binds until it expires, which is no later than its cart does, and an old cart gets none", async () => {
  const clock = { at: new Date(), now: () => clock.at };
  await using app = await startTestApp({}, { clock });
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 3 });
  const [cart, late] = [await fillCart(app, user, { [sku]: 2 }), await fillCart(app, user, { [sku]: 1 })];
  clock.at = new Date(Date.parse(cart.expires_at) - 120_000);
  const token = await app.deps.accessTokens.sign({ userId: user.id, role: "customer" }, clock.at);
  const shopper = { ...user, token };
  const { status, body: quote } = await askQuote(app, shopper, cart.id);
  assertEquals([status, quote.expires_at], [201, cart.expires_at]);
  clock.at = new Date(clock.at.getTime() + 60_000);
  await expireDueCarts(systemCtx(app.deps, "carts.expire"));
  assertEquals((await tryCheckOut(app, shopper, quote)).status, 201);
  clock.at = new Date(late.expires_at);
  const refused = await askQuote(app, shopper, late.id);
  assertEquals([refused.status, refused.body.code], [409, "cart_closed"]);
});

Deno.test("A checkout under which its quote expires is refused, and leaves the cart open", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app);
  const { cart, quote } = await quoted(app, user, { [sku]: 1 });
  const { checkout } = await app.deps.sql.begin(async (tx) => {
    await tx`update quotes set status = 'expired' where id = ${quote.id}`;
    const checkout = tryCheckOut(app, user, quote);
    await untilWaiting(tx);
    return { checkout };
  });
  const { status, body } = await checkout;
  assertEquals([status, body.code, body.errors?.[0].code], [409, "quote_not_open", "expired"]);
  const { body: left } = await app.request("GET", `/v1/carts/${cart.id}`, { token: user.token });
  assertEquals([left.status, left.order_id, left.version], ["open", null, cart.version]);
});
