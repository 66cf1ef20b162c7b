import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance } from "../../support/orders.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";

Deno.test("A coupon makes cart, quote and order cheaper by the same, and duty and tax with them; cancelled, the order gives it back", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const mug = await addExport(app, { prices: { EUR: 1000 } });
  const promotion = await addPromotion(app, { code: "TENOFF" });
  const cart = await fillCart(app, user, { [mug.sku]: 3 }, { coupon_code: "tenoff" });
  assertEquals(
    [cart.discount_total, cart.subtotal, cart.items[0].discount_amount, cart.items[0].line_total],
    [
      300,
      2700,
      300,
      2700,
    ],
  );
  assertEquals(cart.problems, []);
  const { body: quote, status } = await askQuote(app, user, cart.id);
  assertEquals(status, 201, JSON.stringify(quote));
  assertEquals(
    [
      quote.coupon_code,
      quote.discount_total,
      quote.subtotal,
      quote.shipping_total,
      quote.duty_total,
      quote.tax_total,
    ],
    // Duty is 10 % of 27.00 and 5.00; tax 20 % of all of it.
    ["TENOFF", 300, 2700, 500, 320, 704],
  );
  assertEquals(await redeemedOf(app, promotion), 1);
  const answer = await tryCheckOut(app, user, quote);
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  const { order } = answer.body;
  assertEquals([order.coupon_code, order.discount_total, order.total_price], [
    "TENOFF",
    300,
    quote.total_price,
  ]);
  assertEquals(await redeemedOf(app, promotion), 1);
  await assertBooksBalance(app.deps.sql);
  const gone = await app.request("POST", `/v1/orders/${order.id}/cancellation`, {
    token: user.token,
    body: {},
  });
  assertEquals(gone.body.status, "CANCELLED", JSON.stringify(gone.body));
  assertEquals(await redeemedOf(app, promotion), 0);
  await assertBooksBalance(app.deps.sql);
});
