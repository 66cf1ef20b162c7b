import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { putShippingOption, ShippingOptionBody } from "../../../src/trade/mod.ts";
import type { TestUser } from "../../support/app.ts";
import { ADA_IN_LEEDS, askQuote, fillCart, quoted, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance, tryToPlace } from "../../support/orders.ts";
import { type PaidShop, refundsOf, startPaidShop, tryToRefund } from "../../support/payments.ts";
import { addPromotion } from "../../support/promotions.ts";

/** `generous` to GB for 5.00 EUR, free from so many cents on. */
async function beGenerous({ app }: PaidShop, free_from: number | null) {
  const option = ShippingOptionBody.parse({
    name: "Generous",
    countries: ["GB"],
    currency: "EUR",
    bands: [{ up_to_grams: 20_000, price: 500 }],
    free_from,
  });
  await putShippingOption(systemCtx(app.deps, "test"), { option: { code: "generous", ...option } });
}

const GENEROUS = { shipping_option: "generous", incoterm: "DDP" };

Deno.test("A quote keeps what was promised: who took it before the shop asked for more, or withdrew the option, pays no shipping", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await beGenerous(shop, 3000);
  const [kept, last] = [
    await quoted(app, user, { [sku]: 3 }, GENEROUS),
    await quoted(app, user, { [sku]: 3 }, GENEROUS),
  ];
  assertEquals([kept.quote.shipping_total, last.quote.shipping_total], [0, 0]);
  await beGenerous(shop, 4498);
  const { body: dearer } = await askQuote(app, user, (await fillCart(app, user, { [sku]: 3 })).id, GENEROUS);
  assertEquals(dearer.shipping_total, 500);
  const { status, body } = await tryCheckOut(app, user, kept.quote);
  assertEquals([status, body.order.shipping_total, body.order.total_price], [
    201,
    0,
    kept.quote.total_price,
  ]);
  const gone = await app.request("DELETE", "/v1/shipping-options/generous", { token: staff.token });
  assertEquals(gone.status, 200);
  assertEquals((await tryCheckOut(app, user, last.quote)).body.order.shipping_total, 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of an order that was sent for nothing there is no shipping to give back, and its units give back all that was paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await beGenerous(shop, 4497);
  const { quote } = await quoted(app, user, { [sku]: 3 }, GENEROUS);
  const payment = { provider: "sandbox", payment_method: "tok_success" };
  const { body: { order } } = await tryCheckOut(app, user, quote, { payment });
  // 3 × 14.99, 10 % duty, 20 % VAT on both: 44.97 + 4.50 + 9.89.
  assertEquals([order.shipping_total, order.total_price], [0, 4497 + 450 + 989]);
  const alone = await tryToRefund(app, staff, order.id, { include_shipping: true });
  assertEquals(
    [alone.status, alone.body.code, alone.body.errors[0].pointer, alone.body.errors[0].refundable],
    [
      422,
      "refund_refused",
      "/include_shipping",
      0,
    ],
  );
  for (const quantity of [1, 1, 1]) {
    const { status, body } = await tryToRefund(app, staff, order.id, {
      items: [{ line: 1, quantity }],
      include_shipping: true,
    });
    assertEquals([status, body.shipping_amount], [201, 0], JSON.stringify(body));
  }
  const amounts = (await refundsOf(app, order.id)).map(({ amount }) => amount);
  assertEquals(amounts.reduce((sum, amount) => sum + amount, 0), order.total_price);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A coupon that takes goods below what it takes makes their shipping cost again, in a quote and in an order without one", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await beGenerous(shop, 4400);
  const { code } = await addPromotion(app);
  const cart = await fillCart(app, user, { [sku]: 3 }, { coupon_code: code });
  const { body: quote } = await askQuote(app, user, cart.id, GENEROUS);
  assertEquals([quote.subtotal, quote.shipping_total], [4497 - 450, 500]);
  const order = async (by: TestUser, more: object) => {
    const { status, body } = await tryToPlace(app, by, { [sku]: 3 }, {
      more: { ...GENEROUS, ship_to: ADA_IN_LEEDS, ...more },
    });
    assertEquals(status, 201, JSON.stringify(body));
    return [body.subtotal, body.shipping_total];
  };
  assertEquals(await order(user, {}), [4497, 0]);
  assertEquals(await order(user, { coupon_code: code }), [4497 - 450, 500]);
  await beGenerous(shop, 4497 - 450);
  assertEquals((await askQuote(app, user, cart.id, GENEROUS)).body.shipping_total, 0);
  assertEquals(await order(user, { coupon_code: code }), [4497 - 450, 0]);
  await beGenerous(shop, 4400);
  const items = (unit_price: number) => ({ items: [{ sku, quantity: 3, unit_price }] });
  assertEquals(await order(staff, items(1466)), [4398, 500], "what staff agreed on counts");
  assertEquals(await order(staff, items(1467)), [4401, 0]);
  await assertBooksBalance(app.deps.sql);
});
