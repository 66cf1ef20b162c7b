import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { expireDueCarts, expireDueQuotes } from "../../../src/quotes/mod.ts";
import type { Answer, TestApp, TestUser } from "../../support/app.ts";
import { askQuote, fillCart, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance, read, startAnother, tally, tryToPlace } from "../../support/orders.ts";
import {
  DAY_MS,
  expire,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  startPaidShop,
  tryToPay,
  tryToRefund,
} from "../../support/payments.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";
import { Shopper } from "../carts/shopper.ts";

const PAID_AT_ONCE = { payment: { provider: "sandbox", payment_method: "tok_success" } };
const CODE = "ONLY-ONE";

/** A shop with a coupon that can be used once. */
async function startShop() {
  const shop = await startPaidShop();
  const promotion = await addPromotion(shop.app, { code: CODE, max_redemptions: 1, max_per_customer: 1 });
  return { ...shop, promotion, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() };
}

/** The user's cart with the coupon, and its quote. */
async function quoteWithCoupon({ app, user, sku }: PaidShop) {
  const cart = await fillCart(app, user, { [sku]: 3 }, { coupon_code: CODE });
  const { status, body: quote } = await askQuote(app, user, cart.id);
  assertEquals([status, quote.discount_total], [201, 450], JSON.stringify(quote));
  return { cart, quote };
}

async function orderOfCoupon(shop: PaidShop, more: Record<string, unknown> = {}) {
  const { quote } = await quoteWithCoupon(shop);
  const { status, body } = await tryCheckOut(shop.app, shop.user, quote, more);
  assertEquals([status, body.order?.discount_total], [201, 450], JSON.stringify(body));
  return body.order;
}

function cancel(app: TestApp, by: TestUser, id: string): Promise<Answer> {
  return app.request("POST", `/v1/orders/${id}/cancellation`, { token: by.token, body: {} });
}

/** Another customer gets the coupon, and gives it back: it is free, and only once. */
async function assertFree(app: TestApp, sku: string, promotion: { id: string }) {
  assertEquals(await redeemedOf(app, promotion), 0);
  const [one, another] = [await app.user(), await app.user()];
  const more = { shipping_option: "standard", coupon_code: CODE };
  const first = await tryToPlace(app, one, { [sku]: 1 }, { more });
  assertEquals(first.status, 201, JSON.stringify(first.body));
  const second = await tryToPlace(app, another, { [sku]: 1 }, { more });
  assertEquals([second.status, second.body.errors[0].code], [422, "coupon_used_up"]);
  assertEquals((await cancel(app, one, first.body.id)).status, 200);
  assertEquals(await redeemedOf(app, promotion), 0);
  await assertBooksBalance(app.deps.sql);
}

Deno.test("A quote that expires, or ends with its cart, gives its use of a coupon back once", async () => {
  await using shop = await startShop();
  const { app, user, sku, promotion, pass } = shop;
  const ctx = systemCtx(app.deps, "test");

  await quoteWithCoupon(shop);
  await pass(16 * MINUTE_MS);
  assertEquals(await redeemedOf(app, promotion), 1);
  assertEquals((await expireDueQuotes(ctx)).expired, 1);
  assertEquals((await expireDueQuotes(ctx)).expired, 0);
  await assertFree(app, sku, promotion);

  const { cart } = await quoteWithCoupon(shop);
  const shopper = new Shopper(app, user);
  assertEquals((await shopper.giveUp(cart.id)).status, 204);
  assertEquals((await shopper.giveUp(cart.id)).status, 204);
  await assertFree(app, sku, promotion);

  await quoteWithCoupon(shop);
  await pass(400 * DAY_MS);
  assert((await expireDueCarts(ctx)).expired > 0);
  assertEquals((await expireDueQuotes(ctx)).expired, 0);
  await assertFree(app, sku, promotion);
});

Deno.test("A cart with the last use of a coupon can be quoted again and again: the next quote takes the use over", async () => {
  await using shop = await startShop();
  const { app, user, sku, promotion } = shop;
  const { cart, quote } = await quoteWithCoupon(shop);
  for (let time = 0; time < 3; time++) {
    const { status, body } = await askQuote(app, user, cart.id);
    assertEquals([status, body.discount_total], [201, 450]);
    assertEquals(await redeemedOf(app, promotion), 1);
  }
  // Of as many at once the last one counts.
  const atOnce = await Promise.all(Array.from({ length: 20 }, () => askQuote(app, user, cart.id)));
  assertEquals(tally(atOnce), { 201: 20 });
  assertEquals(await redeemedOf(app, promotion), 1);
  await assertBooksBalance(app.deps.sql);
  const late = await tryCheckOut(app, user, quote);
  assertEquals([late.status, late.body.errors[0].code], [409, "superseded"]);
  // What it would cost now is with the coupon, too: its own use is not counted against it.
  assertEquals(late.body.errors[0].new_total, quote.total_price);

  const open = await app.deps.sql`select id from quotes where cart_id = ${cart.id} and status = 'open'`;
  const { status, body } = await tryCheckOut(app, user, { id: open[0]!.id, cart_id: cart.id });
  assertEquals([status, body.order?.discount_total], [201, 450]);
  assertEquals((await cancel(app, user, body.order.id)).status, 200);
  await assertFree(app, sku, promotion);
});

Deno.test("An order that is cancelled or expires gives its coupon back once, however it was placed and how often it is cancelled at once", async () => {
  await using shop = await startShop();
  await using other = await startAnother(shop.app);
  const { app, user, staff, sku, promotion, pass } = shop;
  const more = { shipping_option: "standard", coupon_code: CODE };
  const placed = async () => {
    const { status, body } = await tryToPlace(app, user, { [sku]: 3 }, { more });
    assertEquals([status, body.discount_total], [201, 450], JSON.stringify(body));
    return body;
  };
  for (const order of [() => orderOfCoupon(shop), () => orderOfCoupon(shop, PAID_AT_ONCE), placed]) {
    const { id } = await order();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => cancel(i % 2 ? app : other, staff, id)),
    );
    assert(answers.some(({ status }) => status === 200), JSON.stringify(answers[0]!.body));
    assertEquals((await read(app, user, id)).body.status, "CANCELLED");
    await assertFree(app, sku, promotion);
  }
  for (const order of [() => orderOfCoupon(shop), placed]) {
    const { id } = await order();
    await pass(DAY_MS);
    const [{ status }] = await Promise.all([cancel(app, user, id), expire(app), expire(other)]);
    const { body } = await read(app, user, id);
    assertEquals(body.status, status === 200 ? "CANCELLED" : "EXPIRED");
    await assertFree(app, sku, promotion);
    const { id: next } = await order();
    await pass(DAY_MS);
    assertEquals(await expire(app), 1);
    assertEquals((await read(app, user, next)).body.status, "EXPIRED");
    await assertFree(app, sku, promotion);
  }
});

Deno.test("Whoever was refunded has had the coupon: neither a refund of all nor of units gives it back", async () => {
  await using shop = await startShop();
  const { app, user, staff, sku, promotion } = shop;
  const { id, items } = await orderOfCoupon(shop, PAID_AT_ONCE);
  const unit = { items: [{ line: items[0].line, quantity: 1 }] };
  assertEquals((await tryToRefund(app, staff, id, unit)).body.status, "succeeded");
  assertEquals(await redeemedOf(app, promotion), 1);
  assertEquals((await tryToRefund(app, staff, id)).body.status, "succeeded");
  const { body } = await read(app, user, id);
  assertEquals([body.status, body.coupon_code, body.discount_total], ["REFUNDED", CODE, 450]);
  assertEquals(await redeemedOf(app, promotion), 1);
  await assertBooksBalance(app.deps.sql);
  const cart = await fillCart(app, user, { [sku]: 1 }, { coupon_code: CODE });
  assertEquals((await askQuote(app, user, cart.id)).body.errors[0].code, "coupon_used_up");

  // What is refunded after its order was cancelled changes nothing about what was given back.
  const again = await addPromotion(app, { code: "AND-AGAIN", max_per_customer: 1 });
  const placed = await tryToPlace(app, user, { [sku]: 1 }, {
    more: { shipping_option: "standard", coupon_code: "AND-AGAIN" },
  });
  assertEquals((await tryToPay(app, user, placed.body.id)).status, 201);
  assertEquals((await cancel(app, staff, placed.body.id)).status, 200);
  assertEquals(await redeemedOf(app, again), 0);
  await letWorkerCatchUp(app);
  assertEquals((await read(app, user, placed.body.id)).body.payment_status, "REFUNDED");
  assertEquals(await redeemedOf(app, again), 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of a quote's expiry and its checkout at once one has the use of its coupon: it is the order's, or it is free", async () => {
  await using shop = await startPaidShop({ DATABASE_POOL_SIZE: "20" });
  const { app, user, sku, clock } = shop;
  const promotion = await addPromotion(app, { code: "MANY" });
  const later = new Date(clock.at.getTime() + 16 * MINUTE_MS);
  const ctx = { ...systemCtx(app.deps, "test"), clock: { now: () => later } };
  const seen = new Set<string>();
  let orders = 0;
  for (let round = 0; round < 10; round++) {
    const quotes = await Promise.all(Array.from({ length: 8 }, async () => {
      const cart = await fillCart(app, user, { [sku]: 1 }, { coupon_code: "MANY" });
      return (await askQuote(app, user, cart.id)).body;
    }));
    // In the first round all checkouts come behind the expiry, and from round to round fewer.
    const checkOut = (quote: { id: string; cart_id: string }) => tryCheckOut(app, user, quote);
    const checkingOut = quotes.slice(0, round).map(checkOut);
    if (round % 2) await checkingOut[0];
    const expiry = expireDueQuotes(ctx);
    if (round === 0) await expiry;
    checkingOut.push(...quotes.slice(round).map(checkOut));
    await expiry;
    const answers = await Promise.all(checkingOut);
    for (const { status, body } of answers) seen.add(status === 201 ? "used" : body.errors[0].code);
    orders += answers.filter(({ status }) => status === 201).length;
    await expireDueQuotes(ctx);
    assertEquals(await redeemedOf(app, promotion), orders);
  }
  assertEquals(seen, new Set(["used", "expired"]));
  await assertBooksBalance(app.deps.sql);
});
