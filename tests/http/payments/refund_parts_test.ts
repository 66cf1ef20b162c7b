import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { importSchedule } from "../../../src/trade/mod.ts";
import type { PaymentProvider } from "../../../src/payments/providers/provider.ts";
import { assertBooksBalance, levelOf, place, read, typesOf } from "../../support/orders.ts";
import { addExport, checkedOut, lawOf } from "../../support/checkout.ts";
import {
  letItEnd,
  payThrough,
  sandboxOf,
  startPaidShop,
  tryToPay,
  tryToRefund,
} from "../../support/payments.ts";

const TAX = {
  name: "VAT",
  rates: [{ rate: "0.2" }],
  de_minimis: null,
  collected_by_seller_up_to: null,
  scheme: null,
};

for (
  const [what, tax, ofGoods] of [
    ["goods and duty", { ...TAX, base: ["goods", "duty"] }, 999],
    ["goods and shipping, where the seller collects it", {
      ...TAX,
      base: ["goods", "shipping", "duty"],
      seller_base: ["goods", "shipping"],
      collected_by_seller_up_to: { amount: 1_000_000, basis: "goods" },
      scheme: "IOSS",
    }, 899],
  ] as const
) {
  Deno.test(`All units without their shipping give back exactly the tax that they bore, which is on ${what}`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff } = shop;
    await importSchedule(
      systemCtx(app.deps, "test"),
      lawOf("GB", { effective_from: "2026-11-01", tax }),
    );
    const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 10 });
    const { order } = await checkedOut(app, user, { [sku]: 3 }, "tok_success");
    assertEquals([order.subtotal, order.shipping_total, order.duty_total, order.tax_total], [
      4497,
      500,
      500,
      999,
    ]);
    const { body } = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 3 }] });
    assertEquals([body.goods_amount, body.shipping_amount, body.duty_amount, body.tax_amount], [
      4497,
      0,
      500,
      ofGoods,
    ]);
  });
}

Deno.test("A gift that cannot be sent any more is refunded for nothing: nobody waits for it, its stock is free, and no provider is asked", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { sku: gift } = await addExport(app, { prices: { EUR: 0 }, stock: 10 });
  const { order } = await checkedOut(app, user, { [gift]: 3, [sku]: 1 });
  const { line } = order.items.find((item: { sku: string }) => item.sku === gift);
  const unpaid = await tryToRefund(app, staff, order.id, { items: [{ line, quantity: 1 }] });
  assertEquals([unpaid.status, unpaid.body.errors[0].code], [422, "nothing_paid"]);
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");

  const post = (path: string, body: object) => app.request("POST", path, { token: staff.token, body });
  const one = order.items.map((item: { line: number }) => ({ line: item.line, quantity: 1 }));
  await post(`/v1/orders/${order.id}/shipments`, { items: one });
  // One that comes back is not one of those that are still to be sent.
  const { body: ret } = await post(`/v1/orders/${order.id}/returns`, {
    items: [{ line, quantity: 1 }],
    reason: "Broken",
  });
  await app.request("PATCH", `/v1/returns/${ret.id}`, { token: staff.token, body: { status: "approved" } });
  const back = { items: [{ line, restocked: 1 }], refund: true };
  const received = await post(`/v1/returns/${ret.id}/receipt`, back);
  assertEquals([received.status, received.body.refund], [201, null], JSON.stringify(received.body));

  payThrough(app, { ...sandboxOf(app), refund: () => Promise.reject(new Error("was asked")) });
  const items = [{ line, quantity: 2 }];
  const { status, body: refund } = await tryToRefund(app, staff, order.id, { items }, "gift");
  assertEquals([status, refund.status, refund.amount, refund.payment_id], [201, "succeeded", 0, null]);
  assertEquals((await tryToRefund(app, staff, order.id, { items }, "gift")).body.id, refund.id);
  const again = await tryToRefund(app, staff, order.id, { items });
  assertEquals([again.status, again.body.errors[0].code], [422, "too_many"]);
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.status, after.payment_status, after.amount_refunded], ["SHIPPED", "PAID", 0]);
  assertEquals(await levelOf(app, gift).then(({ reserved, on_hand }) => [reserved, on_hand]), [0, 10]);
  assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.succeeded"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order of gifts alone that none of is to be sent any more is REFUNDED, and the books are right", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { sku } = await addExport(app, { prices: { EUR: 0 }, stock: 10 });
  const order = await place(app, staff, { [sku]: 2 }, { user_id: user.id });
  assertEquals([order.status, order.total_price], ["PAID", 0]);
  await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 2 }] });
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.status, after.units, after.amount_refunded], ["REFUNDED", 0, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A provider that says it took more than it was asked for answers no 500 and leaves nothing in doubt for ever", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    async charge(request, signal) {
      const state = await sandbox.charge(request, signal);
      return {
        ...state,
        amountCaptured: state.amountCaptured + 1,
        amountAuthorised: state.amountAuthorised + 1,
      };
    },
  } as PaymentProvider);
  const { status } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000 });
  assertEquals(status, 201);
  const reserved = await tryToPay(app, user, order.id, "tok_success", { capture_method: "manual" });
  assertEquals([reserved.status, reserved.body.status], [201, "created"]);
});

Deno.test("Units that are being refunded are not waited for: what is left of the money is the shipping, and it goes back alone", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_refund_fails");
  const units = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 3 }] });
  assertEquals([units.status, units.body.status], [201, "pending"]);
  const shipping = await tryToRefund(app, staff, order.id, { include_shipping: true });
  assertEquals([shipping.status, shipping.body.amount], [201, 600], JSON.stringify(shipping.body));
  await letItEnd(shop);
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.status, after.amount_refunded, after.units], ["REFUNDED", order.total_price, 0]);
  await assertBooksBalance(app.deps.sql);
});
