import { assertEquals, assertNotEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { transaction } from "../../../src/platform/db.ts";
import { expireDueQuotes } from "../../../src/quotes/mod.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import {
  ADA_IN_LEEDS,
  addExport,
  askQuote,
  checkedOut,
  fillCart,
  openBorders,
  quoted,
  tryCheckOut,
} from "../../support/checkout.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { assertBooksBalance, eventsOf, levelOf, read } from "../../support/orders.ts";

/** An app whose clock the test moves. */
async function startShop() {
  const clock = { at: new Date("2026-11-20T12:00:00Z") };
  const app = await startTestApp({ QUOTE_VALID_MINUTES: "5" }, { clock: { now: () => clock.at } });
  await openBorders(app);
  return { app, clock, user: await app.user() };
}

const held = async (app: TestApp, sku: string) => (await levelOf(app, sku)).reserved;

Deno.test("Checkout charges what the quote said, to the minor unit, and every amount of it is explained", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const mug = await addExport(app, { prices: { EUR: 1499 } });
  const { quote } = await quoted(app, user, { [mug.sku]: 3 });
  // 3 × 14.99 = 44.97; duty 10 % of 49.97 = 4.997 → 5.00; VAT 20 % of 54.97 = 10.994 → 10.99
  assertEquals(
    [quote.subtotal, quote.shipping_total, quote.duty_total, quote.tax_total, quote.total_price],
    [4497, 500, 500, 1099, 6596],
  );
  const collected = quote.explanation.filter((entry: { collected: boolean }) => entry.collected);
  assertEquals(collected.reduce((sum: number, { amount }: { amount: number }) => sum + amount, 0), 6596);

  const { status, body } = await tryCheckOut(app, user, quote, {
    payment: { provider: "sandbox", payment_method: "tok_success" },
  });
  assertEquals(status, 201, JSON.stringify(body));
  const { order, payment } = body;
  assertEquals([payment.status, payment.amount, payment.amount_captured], ["captured", 6596, 6596]);
  assertEquals(
    [
      order.status,
      order.payment_status,
      order.total_price,
      order.amount_paid,
      order.amount_due,
      order.quote_id,
    ],
    ["PAID", "PAID", 6596, 6596, 0, quote.id],
  );
  assertEquals([order.incoterm, order.items[0].duty_amount, order.items[0].tax_amount], ["DDP", 500, 1099]);
  assertEquals((await read(app, user, order.id)).body, order);
  const after = await app.request("GET", `/v1/quotes/${quote.id}`, { token: user.token });
  assertEquals([after.body.status, after.body.order_id], ["used", order.id]);
  const cart = await app.request("GET", `/v1/carts/${quote.cart_id}`, { token: user.token });
  assertEquals([cart.body.status, cart.body.order_id], ["checked_out", order.id]);
  const told = await eventsOf(app, "cart", quote.cart_id);
  assertEquals(told.map(({ type }) => type), ["cart.created", "cart.checked_out"]);
  const { changes, ...closed } = told[1]!.data;
  assertEquals(Object.keys(changes).toSorted(), ["order_id", "status"]);
  const listed = await app.request("GET", "/v1/carts?status=checked_out", { token: user.token });
  assertEquals(closed, listed.body.data[0], "to the last millisecond and Z");
  assertEquals((await eventsOf(app, "payment", payment.id)).map(({ type }) => type), [
    "payment.created",
    "payment.captured",
  ]);
  await assertBooksBalance(app.deps.sql);
  await assertEventsValid(app.deps.sql);
});

Deno.test("A quote holds its stock from the moment it is given, and its order takes the hold over", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const last = await addExport(app, { stock: 2 });
  const { quote } = await quoted(app, user, { [last.sku]: 2 });
  assertEquals(await held(app, last.sku), 2);

  const other = await app.user();
  const cart = await fillCart(app, other, { [last.sku]: 1 });
  const late = await askQuote(app, other, cart.id);
  assertEquals([late.status, late.body.code, late.body.errors[0].available], [409, "insufficient_stock", 0]);

  assertEquals((await tryCheckOut(app, user, quote)).status, 201);
  assertEquals(await held(app, last.sku), 2);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A newer quote of the cart takes over the stock of the one before, which can be used no more", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app, { stock: 3 });
  const { cart, quote: first } = await quoted(app, user, { [sku]: 2 });
  const second = await askQuote(app, user, cart.id, { incoterm: "DAP" });
  assertEquals(second.status, 201, JSON.stringify(second.body));
  assertEquals(await held(app, sku), 2);
  assertEquals(second.body.duty_total, 0);

  const refused = await tryCheckOut(app, user, first);
  assertEquals([refused.status, refused.body.code, refused.body.errors[0].code], [
    409,
    "quote_not_open",
    "superseded",
  ]);
  assertEquals((await tryCheckOut(app, user, second.body)).status, 201);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An expired quote frees its stock and answers with what it would cost now", async () => {
  const { app, clock, user } = await startShop();
  await using _ = app;
  const { sku, id } = await addExport(app, { prices: { EUR: 1000 } });
  const { quote } = await quoted(app, user, { [sku]: 1 });
  await app.deps.sql`update product_prices set amount = 2000 where product_id = ${id}`;
  clock.at = new Date(quote.expires_at);

  const { status, body } = await tryCheckOut(app, user, quote);
  assertEquals([status, body.code], [409, "quote_not_open"]);
  assertEquals(
    [body.errors[0].code, body.errors[0].quoted_total, body.errors[0].new_total],
    ["expired", quote.total_price, 3300],
  );
  assertEquals((await expireDueQuotes(systemCtx(app.deps, "test"))).expired, 1);
  assertEquals(await held(app, sku), 0);
  assertEquals((await eventsOf(app, "quote", quote.id)).map(({ type }) => type), [
    "quote.created",
    "quote.released",
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A cart that changed after it was quoted cannot be checked out at the old price", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { cart, quote } = await quoted(app, user, { [sku]: 1 });
  const put = await app.request("PUT", `/v1/carts/${cart.id}/items/${sku}`, {
    token: user.token,
    body: { quantity: 5 },
  });
  assertEquals(put.status, 200);
  const { status, body } = await tryCheckOut(app, user, quote);
  assertEquals([status, body.code, body.errors[0].code], [409, "quote_not_open", "cart_changed"]);
  assertNotEquals(body.errors[0].new_total, quote.total_price);
});

Deno.test("What changes nothing that is priced leaves a quote as good as it was, also while it is being checked out", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  // The same number in both: no line says that the currency has changed.
  const { sku } = await addExport(app, { stock: 100, prices: { EUR: 1499, USD: 1499 } });
  const change = async (cartId: string, body: Record<string, unknown>) => {
    const { status } = await app.request("PATCH", `/v1/carts/${cartId}`, { token: user.token, body });
    assertEquals(status, 200);
  };
  for (const priced of [{ destination: null }, { currency: "USD" }, { coupon_code: "SPRING" }]) {
    const { cart, quote } = await quoted(app, user, { [sku]: 1 });
    await change(cart.id, priced);
    await change(cart.id, { note: "Ring twice" });
    const { status, body } = await tryCheckOut(app, user, quote);
    assertEquals([status, body.errors[0].code], [409, "cart_changed"], JSON.stringify(priced));
  }
  const { cart, quote } = await quoted(app, user, { [sku]: 1 });
  await change(cart.id, { note: "Ring twice" });
  await change(cart.id, { metadata: { gift: "yes" } });
  // Somebody notes something more just then: the checkout has to wait for them, looks again and goes on.
  let checkout!: ReturnType<typeof tryCheckOut>;
  await transaction(app.deps.sql, async (tx) => {
    await tx`update carts set note = 'Ring thrice', version = 4 where id = ${cart.id}`;
    await tx`
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, data, occurred_at)
      select type, version, aggregate_type, aggregate_id, 4, user_id, actor, request_id, data, occurred_at
      from events where aggregate_type = 'cart' and aggregate_id = ${cart.id} and sequence = 3`;
    checkout = tryCheckOut(app, user, quote);
    await untilWaiting(tx);
  });
  const { status, body } = await checkout;
  assertEquals([status, body.order?.total_price], [201, quote.total_price]);
  const [cartThen] = await app.deps.sql`select status, version, note from carts where id = ${cart.id}`;
  assertEquals(cartThen, { status: "checked_out", version: 5, note: "Ring thrice" });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("The same checkout again is answered with the same order and payment, and charged once", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const payment = { payment: { provider: "sandbox", payment_method: "tok_success" } };
  const first = await tryCheckOut(app, user, quote, payment, "once");
  const again = await tryCheckOut(app, user, quote, payment, "once");
  assertEquals([first.status, again.status], [201, 201]);
  assertEquals(again.headers.get("Idempotency-Replayed"), "true");
  assertEquals(again.body, first.body);
  const other = await tryCheckOut(app, user, quote, { ...payment, note: "else" }, "once");
  assertEquals([other.status, other.body.code], [422, "idempotency_key_reused"]);
  const [charges] = await app.deps.sql`select count(*) as n from sandbox_charges`;
  assertEquals(charges!.n, 1);
});

Deno.test("A second checkout of one quote names the order that it became", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const { body: { order } } = await tryCheckOut(app, user, quote);
  const { status, body } = await tryCheckOut(app, user, quote);
  assertEquals([status, body.errors[0].code, body.errors[0].order_id], [409, "used", order.id]);
});

Deno.test("A declined card leaves an order to be paid another way until it expires", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { order, payment } = await checkedOut(app, user, { [sku]: 1 }, "tok_decline");
  assertEquals([order.status, payment.status, payment.failure_code], ["PENDING", "failed", "card_declined"]);
  const second = await app.request("POST", `/v1/orders/${order.id}/payments`, {
    token: user.token,
    body: { provider: "sandbox", payment_method: "tok_success" },
  });
  assertEquals([second.status, second.body.status], [201, "captured"]);
  assertEquals((await read(app, user, order.id)).body.status, "PAID");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Checkout refuses an address elsewhere, another's quote, and a cart it is not of", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const elsewhere = await tryCheckOut(app, user, quote, { ship_to: { ...ADA_IN_LEEDS, country: "US" } });
  assertEquals([elsewhere.status, elsewhere.body.errors[0].pointer], [422, "/ship_to/country"]);
  assertEquals((await tryCheckOut(app, await app.user(), quote)).status, 404);
  const other = await fillCart(app, user, { [sku]: 1 });
  assertEquals((await tryCheckOut(app, user, { id: quote.id, cart_id: other.id })).status, 404);
  const unknown = await tryCheckOut(app, user, quote, {
    payment: { provider: "bitbank", payment_method: "x" },
  });
  await app.deps.sql`update users set disabled_at = now() where id = ${user.id}`;
  assertEquals((await tryCheckOut(app, user, quote)).status, 404, "an account that is disabled");
  assertEquals([unknown.status, unknown.body.errors[0].code], [422, "unknown_provider"]);
});

Deno.test("What costs nothing at the door is checked out without a payment, also where one is named", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  await app.deps.sql`update shipping_options set bands = jsonb_set(bands, '{0,price}', '0')`;
  const { sku } = await addExport(app, { prices: { EUR: 0 } });
  const { order, payment } = await checkedOut(app, user, { [sku]: 1 }, "tok_success");
  assertEquals([order.total_price, order.payment_status, payment], [0, "PAID", null]);
});

Deno.test("Where customs want to know who receives the goods, checkout asks, keeps it unreadable, and tells of it and of the payment behind the order", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const cart = await fillCart(app, user, { [sku]: 1 }, { destination: "KR" });
  const { body: quote } = await askQuote(app, user, cart.id);
  assertEquals(quote.consignee_id, { required: true, name: "PCCC" });
  const ship_to = { ...ADA_IN_LEEDS, city: "Seoul", country: "KR" };
  const without = await tryCheckOut(app, user, quote, { ship_to });
  assertEquals([without.status, without.body.errors[0].pointer], [422, "/consignee"]);
  const consignee = { name: "Hong Gildong", id_type: "PCCC", id_number: "P123456789012" };
  const payment = { provider: "sandbox", payment_method: "tok_success" };
  const { status, body } = await tryCheckOut(app, user, quote, { ship_to, consignee, payment });
  assertEquals(status, 201, JSON.stringify(body));
  const [row] = await app.deps.sql`select c.*, encode(sealed, 'escape') as bytes from consignees c`;
  assertEquals(row!.order_id, body.order.id);
  for (const secret of ["Gildong", "P123456789012"]) {
    assertEquals(JSON.stringify(row).includes(secret), false);
  }
  const events = await app.deps.sql`select type, data::text from events order by position`;
  assertEquals(events.some(({ data }) => data.includes("P123456789012")), false);
  const types = events.map(({ type }) => type);
  const behind = types.slice(types.indexOf("order.created") + 1);
  for (const type of ["payment.created", "consignee.recorded"]) {
    assertEquals(behind.includes(type), true, `${type} is told behind its order: ${types}`);
  }
});

Deno.test("Goods that may not go there are refused with the reason, and hold nothing", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const gun = await addExport(app, { sku: "GUN" });
  await app.deps.sql`update products set hs_code = '930390' where id = ${gun.id}`;
  const cart = await fillCart(app, user, { GUN: 1 });
  const { status, body } = await askQuote(app, user, cart.id);
  assertEquals([status, body.code, body.errors[0].code, body.errors[0].reason], [
    422,
    "quote_refused",
    "restricted",
    "No firearms",
  ]);
  assertEquals(await held(app, "GUN"), 0);

  const { id, sku } = await addExport(app);
  const late = await fillCart(app, user, { [sku]: 1 });
  await app.deps.sql`update products set status = 'archived' where id = ${id}`;
  const gone = await askQuote(app, user, late.id);
  assertEquals([gone.status, gone.body.errors[0].code], [422, "gone"], "nor what is not sold any more");
});

Deno.test("A quote that is ended while its checkout waits for the cart is not used any more", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { cart, quote } = await quoted(app, user, { [sku]: 1 });
  let waiting: ReturnType<typeof tryCheckOut> | undefined;
  await transaction(app.deps.sql, async (tx) => {
    await tx`select id from carts where id = ${cart.id} for update`;
    waiting = tryCheckOut(app, user, quote);
    await untilWaiting(tx);
    await tx`update quotes set status = 'superseded' where id = ${quote.id}`;
  });
  const { status, body } = await waiting!;
  assertEquals([status, body.code, body.errors[0].code], [409, "quote_not_open", "superseded"]);
});

Deno.test("What is wrong with the payment of a checkout is said of its own field", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const payment = { provider: "paypal", payment_method: "tok_success" };
  const { status, body } = await tryCheckOut(app, user, quote, { payment });
  assertEquals([status, body.code, body.errors[0].pointer], [422, "payment_refused", "/payment/provider"]);
});
