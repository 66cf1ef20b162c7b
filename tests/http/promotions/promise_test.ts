import { assertEquals } from "@std/assert";
import type { TestApp } from "../../support/app.ts";
import { askQuote, fillCart, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance } from "../../support/orders.ts";
import { type PaidShop, startPaidShop } from "../../support/payments.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";
import { Shopper } from "../carts/shopper.ts";

const PAID_AT_ONCE = { payment: { provider: "sandbox", payment_method: "tok_success" } };

async function quoteWith({ app, user, sku }: PaidShop, code: string) {
  const cart = await fillCart(app, user, { [sku]: 3 }, { coupon_code: code });
  const { status, body: quote } = await askQuote(app, user, cart.id);
  assertEquals([status, quote.discount_total], [201, 450], JSON.stringify(quote));
  return { cart, quote };
}

async function changePromotion({ deps: { sql } }: TestApp, { id }: { id: string }, change: object) {
  await sql`update promotions set ${sql(change)} where id = ${id}`;
}

Deno.test("A promotion that ends, is switched off or may be used less often after a quote changes nothing of what its checkout charges", async () => {
  await using shop = await startPaidShop();
  const { app, user, clock } = shop;
  const changes = [
    { code: "ENDS", reason: "coupon_expired", change: { ends_at: clock.at } },
    { code: "SWITCHED-OFF", reason: "coupon_inactive", change: { active: false } },
    { code: "NOT-YET", reason: "coupon_not_started", change: { starts_at: new Date("2027-01-01") } },
    { code: "ONCE", reason: "coupon_used_up", change: { max_redemptions: 1 } },
    { code: "ONCE-EACH", reason: "coupon_used_before", change: { max_per_customer: 1 } },
  ];
  for (const { code, reason, change } of changes) {
    const promotion = await addPromotion(app, { code });
    const { quote } = await quoteWith(shop, code);
    await changePromotion(app, promotion, change);
    const next = await askQuote(
      app,
      user,
      (await fillCart(app, user, { [shop.sku]: 3 }, { coupon_code: code })).id,
    );
    assertEquals(next.body.errors?.[0].code, reason, `${code}, who comes later`);
    const { status, body } = await tryCheckOut(app, user, quote, PAID_AT_ONCE);
    assertEquals(
      [status, body.order?.total_price, body.order?.discount_total, body.payment?.amount, body.order?.status],
      [201, quote.total_price, 450, quote.total_price, "PAID"],
      `${code}: ${JSON.stringify(body)}`,
    );
    assertEquals(await redeemedOf(app, promotion), 1);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A quote whose cart has another coupon since, or none, cannot be checked out; quoting again frees the first one's use", async () => {
  await using shop = await startPaidShop();
  const { app, user } = shop;
  const [first, second] = [
    await addPromotion(app, { code: "FIRST", max_redemptions: 1 }),
    await addPromotion(app, { code: "SECOND", max_redemptions: 1, percent_off: "20" }),
  ];
  const held = async () => [await redeemedOf(app, first), await redeemedOf(app, second)];
  const shopper = new Shopper(app, user);
  const { cart, quote } = await quoteWith(shop, "FIRST");
  const full = quote.subtotal + quote.discount_total;

  assertEquals((await shopper.patch(cart.id, { coupon_code: "second" })).body.discount_total, 899);
  const changed = await tryCheckOut(app, user, quote);
  assertEquals([changed.status, changed.body.errors[0].code], [409, "cart_changed"]);
  assertEquals(await held(), [1, 0]);
  const { status, body: other } = await askQuote(app, user, cart.id);
  assertEquals([status, other.coupon_code, other.discount_total], [201, "SECOND", 899]);
  assertEquals(await held(), [0, 1]);

  await shopper.patch(cart.id, { coupon_code: null });
  assertEquals((await tryCheckOut(app, user, other)).body.errors[0].code, "cart_changed");
  const { body: none } = await askQuote(app, user, cart.id);
  assertEquals([none.coupon_code, none.discount_total, none.subtotal], [null, 0, full]);
  assertEquals(await held(), [0, 0]);
  assertEquals((await tryCheckOut(app, user, none)).body.order.discount_total, 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Two carts that exchange their coupons while both are quoted again end each with one use", async () => {
  await using shop = await startPaidShop();
  const { app, user } = shop;
  const promotions = [await addPromotion(app, { code: "AAA" }), await addPromotion(app, { code: "BBB" })];
  const codes = ["AAA", "BBB"];
  const carts = [(await quoteWith(shop, "AAA")).cart, (await quoteWith(shop, "BBB")).cart];
  const shopper = new Shopper(app, user);
  for (let round = 1; round <= 10; round++) {
    await Promise.all(carts.map(({ id }, i) => shopper.patch(id, { coupon_code: codes[(i + round) % 2] })));
    const answers = await Promise.all(carts.map(({ id }) => askQuote(app, user, id)));
    assertEquals(answers.map(({ status }) => status), [201, 201]);
    assertEquals(await Promise.all(promotions.map((each) => redeemedOf(app, each))), [1, 1]);
  }
  await assertBooksBalance(app.deps.sql);
});
