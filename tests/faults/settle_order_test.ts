import { assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { type PaymentProvider, ProviderError } from "../../src/payments/providers/provider.ts";
import { beginRefund } from "../../src/payments/refunds/refund_order.ts";
import { settleMoney } from "../../src/payments/settle_order.ts";
import { lockOrder } from "../../src/orders/mod.ts";
import { transaction } from "../../src/platform/db.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { assertBooksBalance, patch, read } from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  capture,
  letItEnd,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  payLate,
  payThrough,
  postWebhook,
  readPayment,
  sandboxOf,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";

const MANUAL = { capture_method: "manual" };

Deno.test("Settling an order again, as the bank does not answer about another payment, refunds nothing again that the bank refused", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const sandbox = sandboxOf(app);
  assertEquals((await tryToPay(app, user, order.id, "tok_refund_refused", { amount: 2000 })).status, 201);
  assertEquals((await tryToPay(app, user, order.id, "tok_success", { amount: 2000, ...MANUAL })).status, 201);
  payThrough(app, {
    ...sandbox,
    void: () => Promise.reject(new ProviderError("unknown", "timeout", "late")),
  } as PaymentProvider);
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  for (let i = 0; i < 5; i++) {
    await letWorkerCatchUp(app);
    await letRetriesBeDue(app);
  }
  const { body } = await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token });
  assertEquals(body.data.length, 1);
});

Deno.test("A payment about which nobody knows yet does not keep what is reserved beside it for a cancelled order", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const sandbox = sandboxOf(app);
  // As Stripe's search does for an hour.
  const find: PaymentProvider["find"] = async (payment) => {
    if (payment.reference === null) throw new ProviderError("unknown", "not_searchable_yet", "");
    return await sandbox.find(payment, new AbortController().signal);
  };
  payThrough(app, { ...sandbox, find } as PaymentProvider);
  assertEquals(
    (await tryToPay(app, user, order.id, "tok_error_500", { amount: 2000 })).body.status,
    "created",
  );
  const { body: reserved } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000, ...MANUAL });
  assertEquals(reserved.status, "authorised");
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  await letWorkerCatchUp(app);
  assertEquals((await readPayment(app, user, reserved.id)).status, "voided");
});

Deno.test("A bank that releases the rest with a capture leaves an order that can be paid and refunded by the rest", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    capture: async (request, signal) => {
      const state = await sandbox.capture(request, signal);
      return state.status === "captured"
        ? state
        : await sandbox.void({ ...request, id: crypto.randomUUID() }, signal);
    },
  } as PaymentProvider);
  const captured = await capture(app, staff, payment.id, 2000);
  assertEquals([captured.body.status, captured.body.amount_captured], ["captured", 2000]);
  const { body } = await read(app, user, order.id);
  assertEquals([body.amount_authorised, body.amount_due, body.payment_status], [0, 4596, "PARTIALLY_PAID"]);
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
  assertEquals((await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] })).status, 201);
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  await letWorkerCatchUp(app);
  await pass(MINUTE_MS);
  await sweep(app);
  const { body: end } = await read(app, user, order.id);
  assertEquals([end.status, end.payment_status, end.amount_due], ["CANCELLED", "REFUNDED", 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A bank that took the money of a cancelled order, though it was said to be reserved, gives it back", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  // Captured in the bank's own dashboard, and its webhook was lost.
  await sandboxOf(app).capture({
    id: crypto.randomUUID(),
    reference: payment.provider_reference,
    amount: payment.amount,
    currency: "EUR",
  }, new AbortController().signal);
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  for (let i = 0; i < 14; i++) {
    await letWorkerCatchUp(app);
    await letRetriesBeDue(app);
    await shop.pass(60 * MINUTE_MS);
    await sweep(app);
  }
  assertEquals((await readPayment(app, user, payment.id)).amount_refunded, payment.amount);
  await assertBankAgrees(app);
});

for (const isTold of [false, true]) {
  Deno.test(`What is reserved late for an order that staff recorded as paid is let go of (webhook: ${isTold})`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff, checkOut } = shop;
    const { order, payment } = await checkOut("tok_late", { capture_method: "manual" });
    assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
    await sandboxOf(app).settle(payment.provider_reference);
    if (isTold) await postWebhook(app, bankMessage(app, payment.provider_reference));
    await letItEnd(shop);
    assertEquals([
      (await readPayment(app, user, payment.id)).status,
      (await read(app, user, order.id)).body.amount_authorised,
    ], ["voided", 0]);
  });
}

Deno.test("What was paid beyond what was due goes back through another payment where its provider refuses the first", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  assertEquals((await tryToPay(app, user, order.id, "tok_refund_refused", { amount: 2000 })).status, 201);
  const { body: late } = await tryToPay(app, user, order.id, "tok_late");
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  await sandboxOf(app).settle(late.provider_reference);
  await postWebhook(app, bankMessage(app, late.provider_reference));
  await letItEnd(shop);
  const { body } = await read(app, user, order.id);
  assertEquals([body.amount_due, body.amount_refunded, body.amount_paid], [
    0,
    TOTAL - 2000,
    2 * TOTAL - 2000,
  ]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Settling an order that still wants money lets go of nothing", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  await settleMoney(systemCtx(app.deps, "test"), order.id);
  assertEquals((await readPayment(app, user, payment.id)).status, "authorised");
});

Deno.test("What is owed and on its way back is not given back again, by whoever settles the order again or refunds it meanwhile", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: late } = await tryToPay(app, user, order.id, "tok_late", { amount: 2000 });
  assertEquals((await tryToPay(app, user, order.id)).body.amount_captured, TOTAL - 2000);
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    refund: () => Promise.reject(new ProviderError("unknown", "timeout", "late")),
  } as PaymentProvider);
  await sandbox.settle(late.provider_reference);
  await postWebhook(app, bankMessage(app, late.provider_reference));
  await letWorkerCatchUp(app);
  await settleMoney(systemCtx(app.deps, "test"), order.id);
  const { body: { data } } = await app.request("GET", `/v1/orders/${order.id}/refunds`, {
    token: user.token,
  });
  assertEquals(data.map(({ amount, goods_amount }: Record<string, number>) => [amount, goods_amount]), [[
    2000,
    0,
  ]]);
  const { body: more } = await tryToRefund(app, staff, order.id, { amount: 1000 });
  assertEquals(more.goods_amount + more.shipping_amount + more.duty_amount + more.tax_amount, 1000);
  payThrough(app, sandbox);
  await letItEnd(shop);
  const { body } = await read(app, user, order.id);
  assertEquals([body.amount_due, body.amount_refunded, body.status], [0, 3000, "PAID"]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

/** An order whose payment was given up before its bank had heard of it, which will charge it all the same. */
async function givenUpTooEarly(shop: PaidShop) {
  const { app, user, pass, checkOut } = shop;
  const { order } = await checkOut();
  const late = await payLate(shop, order.id);
  payThrough(app, sandboxOf(app));
  await pass(2 * MINUTE_MS);
  const { body: { data: [payment] } } = await app.request("GET", `/v1/orders/${order.id}/payments`, {
    token: user.token,
  });
  const givenUp = await app.request("POST", `/v1/payments/${payment.id}/void`, { token: user.token });
  assertEquals([givenUp.status, givenUp.body.status], [200, "failed"]);
  return { order, payment, ...late };
}

Deno.test("A charge that comes late, and pays the order, lets go of what was reserved for it meanwhile", async () => {
  await using shop = await startPaidShop();
  const { app, user } = shop;
  const { order, paying, letItArrive } = await givenUpTooEarly(shop);
  const { body: reserved } = await tryToPay(app, user, order.id, "tok_success", MANUAL);
  assertEquals(reserved.status, "authorised");
  letItArrive();
  assertEquals((await paying).body.status, "captured");
  await letWorkerCatchUp(app);
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.status, after.amount_authorised, after.amount_due], ["PAID", 0, 0]);
  assertEquals((await readPayment(app, user, reserved.id)).status, "voided");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of what was paid twice nothing goes back twice, however many settle the order at once", async () => {
  await using shop = await startPaidShop();
  const { app, user } = shop;
  const { order, payment: late, paying, letItArrive } = await givenUpTooEarly(shop);
  assertEquals(
    (await tryToPay(app, user, order.id, "tok_success", { amount: 2000 })).body.status,
    "captured",
  );
  letItArrive();
  await paying;
  assertEquals((await read(app, user, order.id)).body.amount_due, -2000);

  const ctx = systemCtx(app.deps, "payments.settle_order");
  const { settling } = await transaction(app.deps.sql, async (tx) => {
    const held = (await lockOrder(tx, order.id))!;
    const settling = settleMoney(ctx, order.id);
    await untilWaiting(tx);
    const ask = { amount: 2000, payment_id: late.id, reason: "Paid more than was due" };
    await beginRefund(tx, ctx, held, ask, () => {});
    return { settling };
  });
  await settling;
  await letItEnd(shop);
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.status, after.amount_refunded, after.amount_due], ["PAID", 2000, 0]);
  const { body } = await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token });
  assertEquals(body.data.length, 1);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
