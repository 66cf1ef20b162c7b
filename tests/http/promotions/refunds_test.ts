import { assert, assertEquals } from "@std/assert";
import type { TestApp, TestUser } from "../../support/app.ts";
import { ADA_IN_LEEDS, addExport, askQuote, fillCart, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance, eventsOf, levelOf, patch, read, tryToPlace } from "../../support/orders.ts";
import { assertBankAgrees, startPaidShop, tryToPay, tryToRefund } from "../../support/payments.ts";
import { addPromotion } from "../../support/promotions.ts";

const PAID_AT_ONCE = { payment: { provider: "sandbox", payment_method: "tok_success" } };

/** What the order's ledger says of each account. */
async function balancesOf(app: TestApp, { token }: TestUser, id: string): Promise<Record<string, number>> {
  const { body } = await app.request("GET", `/v1/orders/${id}/ledger`, { token });
  return Object.fromEntries(
    body.balances.map(({ account, balance }: { account: string; balance: number }) => [account, balance]),
  );
}

Deno.test("What a coupon made cheaper is refunded unit by unit, and then the rest, at exactly what was paid for it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const bowl = await addExport(app, { prices: { EUR: 1001 } });
  const pen = await addExport(app, { prices: { EUR: 333 } });
  const coupons = [
    await addPromotion(app, { percent_off: "33.33" }),
    await addPromotion(app, { amount_off: [{ currency: "EUR", amount: 1000 }] }),
    await addPromotion(app, { percent_off: "100", skus: [pen.sku] }),
  ];
  for (const { code } of coupons) {
    const cart = await fillCart(app, user, { [bowl.sku]: 7, [pen.sku]: 2 }, { coupon_code: code });
    const { body: quote } = await askQuote(app, user, cart.id);
    const { body: { order } } = await tryCheckOut(app, user, quote, PAID_AT_ONCE);
    assertEquals([order.status, order.amount_paid], ["PAID", quote.total_price]);
    assert(order.items[0].line_total % 7 !== 0 || order.items[1].discount_amount > 0);

    const ofBowls: number[] = [];
    for (let unit = 0; unit < 7; unit++) {
      const { status, body } = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
      assertEquals([status, body.status], [201, "succeeded"], JSON.stringify(body));
      ofBowls.push(body.goods_amount);
    }
    assertEquals(ofBowls.reduce((sum, amount) => sum + amount, 0), order.items[0].line_total);
    assert(Math.max(...ofBowls) - Math.min(...ofBowls) <= 1, "each unit is worth what the others are");
    const one = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
    assertEquals(one.status, 422, "there are no more of it");

    // No more than was paid, be it that the goods cost more without the coupon.
    const { body: before } = await read(app, user, order.id);
    const left = order.total_price - before.amount_refunded;
    assert(left > 0 && left < order.discount_total + left);
    const tooMuch = await tryToRefund(app, staff, order.id, { amount: left + 1 });
    assertEquals(tooMuch.status, 422, JSON.stringify(tooMuch.body));
    const rest = await tryToRefund(app, staff, order.id);
    assertEquals([rest.body.amount, rest.body.status], [left, "succeeded"]);

    const { body: after } = await read(app, user, order.id);
    assertEquals(
      [after.status, after.payment_status, after.amount_refunded, after.amount_due, after.discount_total],
      ["REFUNDED", "REFUNDED", order.total_price, 0, order.discount_total],
    );
    const balances = await balancesOf(app, user, order.id);
    assertEquals(balances.revenue! + (balances.refunds ?? 0), 0);
    for (const account of ["receivable", "cash_at_provider", "shipping", "duty", "tax"]) {
      assertEquals(balances[account] ?? 0, 0, account);
    }
    const [captured] = await app.deps.sql`
      select amount_captured, amount_refunded from payments where order_id = ${order.id}`;
    assertEquals({ ...captured }, { amount_captured: order.total_price, amount_refunded: order.total_price });
  }
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What came back of a return is refunded at what was paid for it with the coupon", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { code } = await addPromotion(app, { percent_off: "15" });
  const more = { ship_to: ADA_IN_LEEDS, shipping_option: "standard", coupon_code: code };
  const { body: order } = await tryToPlace(app, user, { [sku]: 3 }, { more });
  // 15 % of 44.97 is 6.7455.
  assertEquals([order.discount_total, order.subtotal], [675, 3822]);
  assertEquals((await tryToPay(app, user, order.id)).body.amount, order.total_price);
  const call = (by: TestUser, method: string, path: string, body: object = {}) =>
    app.request(method, path, { token: by.token, body });
  assertEquals((await call(staff, "POST", `/v1/orders/${order.id}/shipments`)).status, 201);
  const items = [{ line: 1, quantity: 2 }];
  const { body: asked } = await call(user, "POST", `/v1/orders/${order.id}/returns`, {
    items,
    reason: "Too small",
  });
  await call(staff, "PATCH", `/v1/returns/${asked.id}`, { status: "approved" });
  const receipt = { items: [{ line: 1, restocked: 2 }], refund: true };
  const { status, body } = await call(staff, "POST", `/v1/returns/${asked.id}/receipt`, receipt);
  assertEquals(status, 201, JSON.stringify(body));
  const { body: refunds } = await app.request("GET", `/v1/orders/${order.id}/refunds`, {
    token: staff.token,
  });
  assertEquals(refunds.data.map((each: typeof body) => [each.status, each.goods_amount]), [[
    "succeeded",
    2548,
  ]]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Where a coupon left a line fewer cents than it has units, each unit is refunded all the same, and together exactly the line", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { sku: screw } = await addExport(app, { prices: { EUR: 100 }, stock: 100 });
  const { code } = await addPromotion(app, {
    amount_off: [{ currency: "EUR", amount: 498 }],
    skus: [screw],
  });
  const post = async (path: string, body: object) => {
    const answer = await app.request("POST", path, { token: staff.token, body });
    assertEquals(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const one = [{ line: 1, quantity: 1 }];
  const beforeTheyLeave = async ({ id }: { id: string }): Promise<number> => {
    const { status, body } = await tryToRefund(app, staff, id, { items: one });
    assertEquals([status, body.status], [201, "succeeded"], JSON.stringify(body));
    return body.amount;
  };
  const asTheyComeBack = async ({ id }: { id: string }): Promise<number> => {
    const { id: returnId } = await post(`/v1/orders/${id}/returns`, { items: one, reason: "Too small" });
    await app.request("PATCH", `/v1/returns/${returnId}`, {
      token: staff.token,
      body: { status: "approved" },
    });
    const receipt = { items: [{ line: 1, restocked: 1 }], refund: true };
    return (await post(`/v1/returns/${returnId}/receipt`, receipt)).refund.amount;
  };
  for (const [giveBack, status] of [[beforeTheyLeave, "PAID"], [asTheyComeBack, "SHIPPED"]] as const) {
    const { body: order } = await tryToPlace(app, staff, { [screw]: 5, [sku]: 1 }, {
      more: { user_id: user.id, coupon_code: code },
    });
    assertEquals([order.items[0].line_total, order.total_price], [2, 1501]);
    await patch(app, staff, order.id, { status: "PAID" });
    if (status === "SHIPPED") await post(`/v1/orders/${order.id}/shipments`, {});
    const amounts = [];
    for (let unit = 0; unit < 5; unit++) amounts.push(await giveBack(order));
    assertEquals(amounts, [0, 1, 0, 1, 0]);
    const { body: after } = await read(app, user, order.id);
    assertEquals([after.status, after.amount_refunded], [status, 2]);
    const { on_hand, reserved } = await levelOf(app, screw);
    assertEquals([on_hand, reserved], [100, 0], "all are the shop's again");
    const told = (await eventsOf(app, "order", order.id)).slice(1).map(({ data }) => data);
    assertEquals(told.at(-1)!.version, after.version);
    for (const { version, changes } of told) {
      assert(Object.keys(changes).length > 0, `version ${version} of what is ${status} tells of no change`);
    }
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of goods that a coupon made free the shipping alone goes back once they left: before, the order would end and send none", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { code } = await addPromotion(app, { percent_off: "100" });
  const more = {
    ship_to: { ...ADA_IN_LEEDS, country: "DE" },
    shipping_option: "standard",
    coupon_code: code,
  };
  const { body: order } = await tryToPlace(app, user, { [sku]: 3 }, { more });
  assertEquals([order.subtotal, order.shipping_total, order.total_price], [0, 500, 600]);
  await tryToPay(app, user, order.id);
  const ship = (items?: object[]) =>
    app.request("POST", `/v1/orders/${order.id}/shipments`, { token: staff.token, body: { items } });
  const refundShipping = () => tryToRefund(app, staff, order.id, { include_shipping: true });
  const standsAt = async (...expected: unknown[]) => {
    const { body } = await read(app, user, order.id);
    assertEquals([body.status, body.fulfilment_status, body.amount_refunded, body.units], expected);
  };

  for (const leaves of [1, 1]) {
    const { status, body } = await refundShipping();
    assertEquals([status, body.errors[0].pointer, body.errors[0].code], [
      422,
      "/include_shipping",
      "ends_order",
    ]);
    assertEquals((await ship([{ line: 1, quantity: leaves }])).status, 201);
  }
  await standsAt("PROCESSING", "PARTIALLY_SHIPPED", 0, 3);
  // What is not sent any more keeps nobody waiting.
  const dropped = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  assertEquals([dropped.status, dropped.body.amount], [201, 0]);
  const { status, body } = await refundShipping();
  assertEquals([status, body.status, body.shipping_amount, body.tax_amount], [201, "succeeded", 500, 100]);
  await standsAt("REFUNDED", "SHIPPED", 600, 2);
  assertEquals((await levelOf(app, sku)).reserved, 0);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
