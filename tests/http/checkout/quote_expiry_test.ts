import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { expireDueCarts, expireDueQuotes } from "../../../src/quotes/mod.ts";
import { lockDueQuotes } from "../../../src/quotes/queries.ts";
import { transaction } from "../../../src/platform/db.ts";
import { startTestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, quoted, tryCheckOut } from "../../support/checkout.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { levelOf } from "../../support/orders.ts";

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

Deno.test("A checkout under which its cart changes is refused, and leaves the cart as it was changed", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app);
  const { cart, quote } = await quoted(app, user, { [sku]: 1 });
  const { change, checkout } = await app.deps.sql.begin(async (tx) => {
    await tx`select id from carts where id = ${cart.id} for no key update`;
    const path = `/v1/carts/${cart.id}/items/${sku}`;
    const change = app.request("PUT", path, { token: user.token, body: { quantity: 9 } });
    await untilWaiting(tx);
    const checkout = tryCheckOut(app, user, quote);
    await untilWaiting(tx, { count: 2 });
    return { change, checkout };
  });
  assertEquals((await change).status, 200);
  const { status, body } = await checkout;
  assertEquals([status, body.code, body.errors?.[0].code], [409, "quote_not_open", "cart_changed"]);
  const { body: left } = await app.request("GET", `/v1/carts/${cart.id}`, { token: user.token });
  assertEquals([left.status, left.order_id, left.version], ["open", null, cart.version + 1]);
});

Deno.test("A quote that somebody holds is passed over when its time is over, and one that was used frees nothing", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const [user, other] = [await app.user(), await app.user()];
  const { sku } = await addExport(app, { stock: 10 });
  const [{ quote: held }, { quote }] = [
    await quoted(app, user, { [sku]: 2 }),
    await quoted(app, other, { [sku]: 3 }),
  ];
  assertEquals((await tryCheckOut(app, other, quote)).status, 201);
  const { quote: due } = await quoted(app, other, { [sku]: 1 });
  await app.deps.sql`update quotes set expires_at = now() - interval '1 second'`;
  const ctx = systemCtx(app.deps, "quotes.expire");
  await app.deps.sql.begin(async (tx) => {
    await tx`select id from quotes where id = ${held.id} for no key update`;
    assertEquals((await expireDueQuotes(ctx)).expired, 1);
  });
  assertEquals((await levelOf(app, sku)).reserved, 5);
  // Listed as due, they were used, or had expired, before they were locked.
  const locked = await transaction(app.deps.sql, (tx) => lockDueQuotes(tx, [held.id, quote.id, due.id]));
  assertEquals(locked.map(({ id }) => id), [held.id]);
});
