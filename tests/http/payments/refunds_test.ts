import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import type { LineUnits } from "../../../src/orders/mod.ts";
import { chargePayment, findPayment, findRefund, sendRefund } from "../../../src/payments/mod.ts";
import { newId } from "../../../src/platform/id.ts";
import { assertBooksBalance, patch, place, read, typesOf } from "../../support/orders.ts";
import {
  assertBankAgrees,
  capture,
  DAY_MS,
  expire,
  letItEnd,
  letWorkerCatchUp,
  MINUTE_MS,
  paidByTwo,
  payThrough,
  readPayment,
  sandboxOf,
  standing,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../../support/payments.ts";

const partsOf = (refund: Record<string, unknown>) => [
  refund.amount,
  refund.goods_amount,
  refund.shipping_amount,
  refund.duty_amount,
  refund.tax_amount,
];

Deno.test("A refund without an amount gives back all of it, once, and both refund and payment tell of it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const { status, headers, body: refund } = await tryToRefund(app, staff, order.id);
  assertEquals([status, headers.get("Location")], [201, `/v1/refunds/${refund.id}`]);
  assertEquals([refund.status, refund.payment_id, ...partsOf(refund)], [
    "succeeded",
    payment.id,
    TOTAL,
    4497,
    500,
    500,
    1099,
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  const paid = await readPayment(app, user, payment.id);
  assertEquals([paid.amount_refunding, paid.amount_refunded], [0, TOTAL]);
  const again = await tryToRefund(app, staff, order.id);
  assertEquals([again.status, again.body.errors[0].code], [422, "nothing_paid"]);
  assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.succeeded"]);
  assertEquals((await typesOf(app, "payment", payment.id)).at(-1), "payment.refunded");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What is asked of a provider that is not set up any more waits, as if it did not answer, until it is again", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, pass, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const { payment: reserved } = await checkOut("tok_success", { capture_method: "manual" });
  const { providers } = app.deps;
  app.deps.providers = { ...providers, byName: new Map() };
  const { status, body: refund } = await tryToRefund(app, staff, order.id);
  assertEquals([status, refund.status, refund.failure_message], [
    201,
    "pending",
    "The payment provider sandbox is not set up here.",
  ]);
  assertEquals((await capture(app, staff, reserved.id)).body.code, "provider_unavailable");
  const refreshed = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals([refreshed.status, refreshed.body.amount_refunding], [200, TOTAL]);
  await pass(MINUTE_MS);
  await sweep(app);
  app.deps.providers = providers;
  await pass(DAY_MS / 4);
  await sweep(app);
  const { body: after } = await app.request("GET", `/v1/refunds/${refund.id}`, { token: staff.token });
  assertEquals([after.status, (await readPayment(app, user, reserved.id)).status], ["succeeded", "captured"]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An amount is taken off goods, shipping, duty and tax in proportion, and no more can be had than was paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  // 1000 / 6596 of 4497, 500, 500 and 1099: 681.78, 75.80, 75.80, 166.62.
  assertEquals(partsOf((await tryToRefund(app, staff, order.id, { amount: 1000 })).body), [
    1000,
    682,
    76,
    76,
    166,
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 1000, 0]);
  const { status, body } = await tryToRefund(app, staff, order.id, { amount: TOTAL - 999 });
  assertEquals([status, body.code, body.errors[0].pointer, body.errors[0].refundable], [
    422,
    "refund_refused",
    "/amount",
    TOTAL - 1000,
  ]);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: TOTAL - 1000 })).body.status, "succeeded");
  assertEquals((await read(app, user, order.id)).body.status, "REFUNDED");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Units go back with their duty and tax to the minor unit, with shipping where asked, and each only once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const one = { items: [{ line: 1, quantity: 1 }], include_shipping: true };
  const refunds = [];
  for (let i = 0; i < 3; i++) refunds.push((await tryToRefund(app, staff, order.id, one)).body);
  assertEquals(refunds.map(partsOf), [
    [1499 + 167 + 167 + 366, 1499, 167, 167, 366],
    [1499 + 166 + 166 + 367, 1499, 166, 166, 367],
    [1499 + 167 + 167 + 366, 1499, 167, 167, 366],
  ]);
  assertEquals(refunds.reduce((sum, { amount }) => sum + amount, 0), TOTAL);
  assertEquals((await read(app, user, order.id)).body.status, "REFUNDED");
  await assertBankAgrees(app);

  const { order: second } = await checkOut("tok_success");
  const bare = (await tryToRefund(app, staff, second.id, { items: [{ line: 1, quantity: 2 }] })).body;
  assertEquals([bare.shipping_amount, bare.items], [0, [{ line: 1, sku, quantity: 2 }]]);
  const { status, body } = await tryToRefund(app, staff, second.id, {
    items: [{ line: 1, quantity: 2 }, { line: 7, quantity: 1 }],
  });
  assertEquals(status, 422);
  assertEquals(
    body.errors.map(({ pointer, code, refundable }: Record<string, unknown>) => [pointer, code, refundable]),
    [["/items/0/quantity", "too_many", 1], ["/items/1/line", "unknown_line", undefined]],
  );
  await assertBooksBalance(app.deps.sql);
});

Deno.test("The shipping alone goes back once, with the tax on it, and whoever keeps the goods is refunded nothing else", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const late = { include_shipping: true, reason: "It came a week late" };
  const { status, body: refund } = await tryToRefund(app, staff, order.id, late);
  assertEquals([status, refund.status, refund.items], [201, "succeeded", []], JSON.stringify(refund));
  assertEquals(partsOf(refund), [600, 0, 500, 0, 100]);
  const { body: after } = await read(app, user, order.id);
  assertEquals(standing(after), ["PAID", "PARTIALLY_REFUNDED", 600, 0]);
  assertEquals([after.units, after.items[0].cancelled], [3, 0], "all is sent");
  const { body: ledger } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: staff.token });
  assertEquals(
    ledger.transactions.at(-1).entries.map((each: Record<string, unknown>) => [
      each.account,
      each.debit,
      each.credit,
    ]),
    [["cash_at_provider", 0, 600], ["shipping", 500, 0], ["tax", 100, 0]],
  );
  const again = await tryToRefund(app, staff, order.id, late);
  const { pointer, code, refundable } = again.body.errors[0];
  assertEquals([again.status, pointer, code, refundable], [
    422,
    "/include_shipping",
    "more_than_refundable",
    0,
  ]);
  // Of 1099 tax 999 are on goods and duty, whether their shipping is asked for once more or not.
  const unit = { items: [{ line: 1, quantity: 1 }], include_shipping: true };
  assertEquals(partsOf((await tryToRefund(app, staff, order.id, unit)).body), [1999, 1499, 0, 167, 333]);
  assertEquals((await tryToRefund(app, staff, order.id)).body.amount, TOTAL - 600 - 1999);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of shipping that several ask for at once, some of it with units, no more goes back than was paid for it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const unit = { items: [{ line: 1, quantity: 1 }], include_shipping: true };
  const answers = await Promise.all(
    [{ include_shipping: true }, unit, { include_shipping: true }, unit, { include_shipping: true }].map((
      ask,
    ) => tryToRefund(app, staff, order.id, ask)),
  );
  assertEquals(
    answers.filter(({ status }) => status === 201).length,
    3,
    JSON.stringify(answers.map(({ body }) => body)),
  );
  const { body: { data } } = await app.request("GET", `/v1/orders/${order.id}/refunds`, {
    token: user.token,
  });
  const sumOf = (part: string) => data.reduce((sum: number, refund: typeof order) => sum + refund[part], 0);
  assertEquals([sumOf("goods_amount"), sumOf("shipping_amount"), sumOf("duty_amount")], [2998, 500, 333]);
  assertEquals(sumOf("tax_amount"), 666 + 100);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund needs an Idempotency-Key, and the same one again gives nothing back a second time", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const without = await app.request("POST", `/v1/orders/${order.id}/refunds`, {
    token: staff.token,
    body: { amount: 100, reason: "Late" },
  });
  assertEquals([without.status, without.body.errors[0].pointer], [422, "header/idempotency-key"]);
  const first = await tryToRefund(app, staff, order.id, { amount: 100 }, "same");
  // Providers forget such keys of theirs after a day, and would give it back again.
  payThrough(app, { ...sandboxOf(app), refund: () => Promise.reject(new Error("was asked")) });
  const again = await tryToRefund(app, staff, order.id, { amount: 100 }, "same");
  assertEquals([again.status, again.headers.get("Idempotency-Replayed"), again.body], [
    201,
    "true",
    first.body,
  ]);
  const other = await tryToRefund(app, staff, order.id, { amount: 200 }, "same");
  assertEquals([other.status, other.body.code], [422, "idempotency_key_reused"]);
  assertEquals((await readPayment(app, user, payment.id)).amount_refunded, 100);
  for (
    const body of [
      { amount: 1, items: [{ line: 1, quantity: 1 }] },
      { amount: 0 },
      { include_shipping: false },
      { amount: 1, include_shipping: true },
    ]
  ) {
    assertEquals((await tryToRefund(app, staff, order.id, body)).status, 422, JSON.stringify(body));
  }
});

Deno.test("Only staff refund; owners read their refunds, and others learn nothing of them", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const stranger = await app.user();
  const { order } = await checkOut("tok_success");
  assertEquals((await tryToRefund(app, user, order.id)).status, 403);
  const { body: refund } = await tryToRefund(app, staff, order.id, { amount: 100 });
  const get = (path: string, token: string) => app.request("GET", path, { token });
  for (const { token } of [user, staff]) {
    assertEquals((await get(`/v1/refunds/${refund.id}`, token)).body, refund);
    assertEquals((await get(`/v1/orders/${order.id}/refunds`, token)).body, {
      data: [refund],
      next_cursor: null,
    });
  }
  const hidden = await get(`/v1/refunds/${refund.id}`, stranger.token);
  const missing = await get(`/v1/refunds/${newId()}`, stranger.token);
  assertEquals([hidden.status, hidden.body.detail], [404, missing.body.detail]);
  assertEquals((await get(`/v1/orders/${order.id}/refunds`, stranger.token)).status, 404);
  assertEquals((await tryToRefund(app, staff, newId())).status, 404);
});

Deno.test("Money that staff recorded goes back by their own hands: the refund is recorded, and no provider asked", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const order = await place(app, user, { [sku]: 2 }, { shipping_option: "standard" });
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  const { body } = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  assertEquals([body.status, body.payment_id, body.amount, body.next_attempt_at], [
    "succeeded",
    null,
    1799, // 14.99 and 20 % of it; shipping stays
    null,
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 1799, 0]);
  assertEquals(await typesOf(app, "refund", body.id), ["refund.created", "refund.succeeded"]);
  const elsewhere = await tryToRefund(app, staff, order.id, { amount: 1, payment_id: newId() });
  assertEquals([elsewhere.status, elsewhere.body.errors[0].pointer], [422, "/payment_id"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Money that a provider holds is not recorded as given back by hand, where it would be given twice", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const refused = await patch(app, staff, order.id, { status: "REFUNDED" });
  assertEquals([refused.status, refused.body.code, refused.body.errors[0].pointer], [
    409,
    "invalid_transition",
    "/status",
  ]);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What no single payment has enough for is given back by several, each by what it took", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const first = (await tryToPay(app, user, order.id, "tok_success", { amount: 3000 })).body;
  const second = (await tryToPay(app, user, order.id)).body;
  const asked = await tryToRefund(app, staff, order.id, { amount: TOTAL, payment_id: second.id });
  assertEquals([asked.status, asked.body.errors[0].code], [422, "no_payment_with_enough"]);
  assertEquals(asked.body.errors[0].payments, [
    { payment_id: second.id, refundable: TOTAL - 3000 },
    { payment_id: first.id, refundable: 3000 },
  ]);
  const { status, body } = await tryToRefund(app, staff, order.id);
  assertEquals([status, body.status, body.payment_id, body.amount], [
    201,
    "succeeded",
    second.id,
    TOTAL - 3000,
  ]);
  const again = await tryToRefund(app, staff, order.id, { amount: 1 });
  assertEquals([again.status, again.body.errors[0].code], [422, "nothing_paid"]);
  await sweep(app);
  const { body: { data } } = await app.request("GET", `/v1/orders/${order.id}/refunds`, {
    token: user.token,
  });
  assertEquals(data.map((refund: typeof body) => [refund.payment_id, refund.status, refund.amount]), [
    [second.id, "succeeded", TOTAL - 3000],
    [first.id, "succeeded", 3000],
  ]);
  const sums = data.map(partsOf).reduce((a: number[], b: number[]) => a.map((each, i) => each + b[i]!));
  assertEquals(sums, [TOTAL, order.subtotal, order.shipping_total, order.duty_total, order.tax_total]);
  assertEquals((await read(app, user, order.id)).body.status, "REFUNDED");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What a payment is giving back already it does not give again: another payment gives the rest", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { order, a, b } = await paidByTwo(shop, "tok_success", "tok_refund_fails");
  const amount = TOTAL / 2;
  const first = await tryToRefund(app, staff, order.id, { amount });
  assertEquals([first.body.payment_id, first.body.status], [b.id, "pending"]);
  const asked = await tryToRefund(app, staff, order.id, { amount, payment_id: b.id });
  assertEquals([asked.status, asked.body.errors[0].payments], [422, [
    { payment_id: b.id, refundable: 0 },
    { payment_id: a.id, refundable: amount },
  ]]);
  const second = await tryToRefund(app, staff, order.id, { amount });
  assertEquals([second.body.payment_id, second.body.status], [a.id, "succeeded"]);
  await letItEnd(shop);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("While what an order was paid twice is on its way back, an amount that staff refund is of the sale", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment: first } = await checkOut("tok_error_500");
  for (let i = 0; i < 16; i++) {
    await shop.pass(MINUTE_MS);
    await sweep(app);
  }
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
  // The first one had come through after all.
  await app.deps.sql`update payments set payment_method = 'tok_refund_fails' where id = ${first.id}`;
  const payment = (await findPayment(app.deps.sql, first.id))!;
  await chargePayment(systemCtx(app.deps, "test"), payment, { isFirst: false });
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const { body } = await tryToRefund(app, staff, order.id, { amount: 1000 });
  const { goods_amount, shipping_amount, duty_amount, tax_amount } = body;
  assertEquals(goods_amount + shipping_amount + duty_amount + tax_amount, 1000);
  await letItEnd(shop);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "PAID",
    "PARTIALLY_REFUNDED",
    TOTAL + 1000,
    0,
  ]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Units that two payments and staff's own record paid for are given back by all three, and counted once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut } = shop;
  const { order } = await checkOut();
  for (const amount of [1000, 1500]) await tryToPay(app, user, order.id, "tok_success", { amount });
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  const items: LineUnits[] = order.items.map(({ line, quantity }: LineUnits) => ({
    line,
    quantity,
  }));
  const { status, body } = await tryToRefund(app, staff, order.id, { items, include_shipping: true });
  assertEquals([status, body.items], [201, items.map((item) => ({ ...item, sku }))], JSON.stringify(body));
  await sweep(app);
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.status, after.amount_refunded, after.amount_due, after.units], [
    "REFUNDED",
    TOTAL,
    0,
    0,
  ]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that the bank does not answer to stays visible, reserves its amount, and is tried until it is done", async () => {
  await using shop = await startPaidShop();
  const { app, clock, user, staff, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  const { status, body: refund } = await tryToRefund(app, staff, order.id, { amount: 1000 });
  assertEquals([status, refund.status, refund.attempts], [201, "pending", 1]);
  assert(refund.failure_message.length > 0 && refund.next_attempt_at > clock.at.toISOString());
  const paid = await readPayment(app, user, payment.id);
  assertEquals([paid.amount_refunding, paid.amount_refunded], [1000, 0]);
  const tooMuch = await tryToRefund(app, staff, order.id, { amount: TOTAL - 999 });
  const [error] = tooMuch.body.errors;
  assertEquals([error.refundable, error.refunding], [TOTAL - 1000, 1000]);
  assertEquals(
    error.message,
    `At most ${TOTAL - 1000} can be refunded, besides 1000 whose refund is under way.`,
  );
  const other = (await checkOut("tok_refund_fails")).order;
  assertEquals((await tryToRefund(app, staff, other.id)).body.status, "pending");
  const [second] = (await tryToRefund(app, staff, other.id)).body.errors;
  assertEquals([second.code, second.refundable, second.refunding], ["nothing_paid", 0, TOTAL]);
  await sweep(app);
  const readRefund = async () =>
    (await app.request("GET", `/v1/refunds/${refund.id}`, { token: user.token })).body;
  assertEquals((await readRefund()).attempts, 1, "not before its time");
  await pass(MINUTE_MS);
  await sweep(app);
  assertEquals([(await readRefund()).status, (await readRefund()).attempts], ["pending", 2]);
  await pass(2 * MINUTE_MS);
  await sweep(app);
  assertEquals([
    (await readRefund()).status,
    (await readRefund()).attempts,
    (await readRefund()).next_attempt_at,
  ], [
    "succeeded",
    3,
    null,
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 1000, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that the bank refuses is told as failed, and its amount can be refunded another way", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_refused");
  const { status, body: refund } = await tryToRefund(app, staff, order.id, {
    items: [{ line: 1, quantity: 3 }],
    include_shipping: true,
  });
  assertEquals([status, refund.status, refund.failure_message], [
    201,
    "failed",
    "The bank refused the refund.",
  ]);
  const paid = await readPayment(app, user, payment.id);
  assertEquals([paid.amount_refunding, paid.amount_refunded], [0, 0]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PAID", 0, 0]);
  assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.failed"]);
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  const again = await tryToRefund(app, staff, order.id, {
    items: [{ line: 1, quantity: 3 }],
    include_shipping: true,
  });
  assertEquals([again.body.status, again.body.amount], ["succeeded", TOTAL]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that several processes ask about at once, and the bank refuses, fails once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  const { body: kept } = await tryToRefund(app, staff, order.id, { amount: 700 });
  const { body: refused } = await tryToRefund(app, staff, order.id, { amount: 1000 });
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_refund_refused'`;
  const pending = (await findRefund(app.deps.sql, refused.id))!;
  const ctx = systemCtx(app.deps, "test");
  const ended = await Promise.all(Array.from({ length: 3 }, () => sendRefund(ctx, pending)));
  assertEquals(ended.map(({ status }) => status), ["failed", "failed", "failed"]);
  assertEquals((await readPayment(app, user, payment.id)).amount_refunding, kept.amount);
  assertEquals(await typesOf(app, "refund", refused.id), ["refund.created", "refund.failed"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What was paid for an order that is cancelled goes back by itself", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  const [refund] =
    (await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token })).body.data;
  assertEquals([refund.status, refund.amount, refund.payment_id, refund.reason], [
    "succeeded",
    TOTAL,
    payment.id,
    "The order was cancelled",
  ]);
  assertEquals((await letWorkerCatchUp(app)).done, 0);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order that is cancelled while a part of it is being refunded gives back exactly what was paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  const part = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  assertEquals(part.body.status, "pending");
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  for (let i = 0; i < 4; i++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  assertEquals((await readPayment(app, user, payment.id)).amount_refunded, TOTAL);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A partly paid order that expires while a part of that is being refunded gives back exactly what was paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_refund_fails", { capture_method: "manual" });
  await capture(app, staff, payment.id, 3000);
  await pass(MINUTE_MS);
  await sweep(app); // asks once again about what was captured
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000 })).body.status, "pending");
  await pass(8 * DAY_MS);
  assertEquals(await expire(app), 1);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  for (let i = 0; i < 4; i++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  const { amount_captured, amount_refunded, status } = await readPayment(app, user, payment.id);
  assertEquals([amount_captured, amount_refunded, status], [3000, 3000, "captured"]);
  assertEquals(standing((await read(app, user, order.id)).body), ["EXPIRED", "REFUNDED", 3000, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Money for an order that has expired or was cancelled goes back by itself, and is told of", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const late = await checkOut("tok_late");
  const cancelled = await checkOut("tok_late");
  const reserved = await checkOut("tok_late", { capture_method: "manual" });
  assertEquals((await patch(app, user, cancelled.order.id, { status: "CANCELLED" })).status, 200);
  await pass(8 * DAY_MS);
  await sweep(app);
  assertEquals(await expire(app), 2);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  for (const { payment } of [late, cancelled, reserved]) {
    const path = `/v1/sandbox/charges/${payment.provider_reference}/settle`;
    assertEquals((await app.request("POST", path, { token: staff.token })).status, 200);
  }
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  for (const { order, payment } of [late, cancelled]) {
    const { amount_captured, amount_refunded } = await readPayment(app, user, payment.id);
    assertEquals([amount_captured, amount_refunded], [TOTAL, TOTAL]);
    const { body } = await read(app, user, order.id);
    assertEquals([body.payment_status, body.amount_due], ["REFUNDED", 0]);
    assertEquals(await typesOf(app, "payment", payment.id), [
      "payment.created",
      "payment.updated",
      "payment.captured",
      "payment.stray",
      "payment.refunded",
    ]);
    const [refund] =
      (await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token })).body.data;
    assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.succeeded"]);
  }
  assertEquals((await readPayment(app, user, reserved.payment.id)).status, "voided");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order that was paid twice gives one payment back, and what is refunded of it meanwhile counts apart", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { order, payment: first } = await checkOut("tok_error_500");
  for (let i = 0; i < 16; i++) {
    await pass(MINUTE_MS);
    await sweep(app);
  }
  const { body: second } = await tryToPay(app, user, order.id, "tok_refund_fails");
  assertEquals(second.status, "captured");
  const part = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  assertEquals(part.body.status, "pending");
  // The first one had come through after all.
  await app.deps.sql`update payments set payment_method = 'tok_success' where id = ${first.id}`;
  const payment = (await findPayment(app.deps.sql, first.id))!;
  await chargePayment(systemCtx(app.deps, "test"), payment, { isFirst: false });
  assertEquals((await read(app, user, order.id)).body.amount_due, -TOTAL);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  for (let i = 0; i < 4; i++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.amount_due, body.amount_paid], ["PAID", 0, 2 * TOTAL]);
  assertEquals(body.amount_refunded, TOTAL + part.body.amount);
  assertEquals((await letWorkerCatchUp(app)).done, 0);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
