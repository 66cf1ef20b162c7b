import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import type { StoredPayment } from "../../../src/payments/payment.ts";
import { recordCharge } from "../../../src/payments/record_charge.ts";
import { newId } from "../../../src/platform/id.ts";
import { quoted, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance, levelOf, patch, place, read, typesOf } from "../../support/orders.ts";
import {
  assertBankAgrees,
  capture,
  DAY_MS,
  expire,
  letWorkerCatchUp,
  MINUTE_MS,
  readPayment,
  sandboxOf,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
} from "../../support/payments.ts";

Deno.test("Each token of the sandbox ends as it says, and the order says where its money stands", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const outcomes: Record<string, [string, string, string]> = {
    tok_success: ["captured", "PAID", "PAID"],
    tok_decline: ["failed", "PENDING", "UNPAID"],
    tok_insufficient_funds: ["failed", "PENDING", "UNPAID"],
    tok_3ds: ["requires_action", "PENDING", "UNPAID"],
    tok_late: ["processing", "PENDING", "UNPAID"],
    tok_timeout_after_charge: ["created", "PENDING", "UNPAID"],
    tok_error_500: ["created", "PENDING", "UNPAID"],
    tok_refund_fails: ["captured", "PAID", "PAID"],
    tok_refund_refused: ["captured", "PAID", "PAID"],
  };
  for (const [token, expected] of Object.entries(outcomes)) {
    const { order, payment } = await checkOut(token);
    assertEquals([payment.status, order.status, order.payment_status], expected, token);
    assertEquals(await readPayment(app, user, payment.id), payment);
  }
  const { order, payment } = await checkOut("tok_of_nobody");
  assertEquals([order.status, payment.status, payment.failure_code], [
    "PENDING",
    "failed",
    "invalid_payment_method",
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A charge whose answer was lost is found again by the sweeper, and not charged a second time", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_timeout_after_charge");
  await sweep(app);
  assertEquals((await readPayment(app, user, payment.id)).status, "created", "not before its time");
  await pass(MINUTE_MS);
  await sweep(app);
  assertEquals((await readPayment(app, user, payment.id)).status, "captured");
  assertEquals((await read(app, user, order.id)).body.payment_status, "PAID");
  assertEquals(await typesOf(app, "payment", payment.id), ["payment.created", "payment.captured"]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A charge that its provider never heard of fails after a quarter of an hour, and the order can be paid another way", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_error_500");
  const meanwhile = await tryToPay(app, user, order.id);
  assertEquals([meanwhile.status, meanwhile.body.errors[0].code], [422, "nothing_due"]);
  for (let minute = 0; minute < 16; minute++) {
    await pass(MINUTE_MS);
    await sweep(app);
    const { status } = await readPayment(app, user, payment.id);
    assertEquals(status, minute < 15 ? "created" : "failed", `after ${minute + 1} minutes`);
  }
  assertEquals((await readPayment(app, user, payment.id)).failure_code, "never_received");
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("While a payment is under way no other is begun for the same money", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut("tok_3ds");
  const whole = await tryToPay(app, user, order.id);
  assertEquals([whole.status, whole.body.code, whole.body.errors[0].payable], [422, "payment_refused", 0]);

  const { order: half } = await checkOut();
  assertEquals((await tryToPay(app, user, half.id, "tok_3ds", { amount: 3000 })).status, 201);
  const tooMuch = await tryToPay(app, user, half.id, "tok_success", { amount: TOTAL });
  assertEquals([tooMuch.body.errors[0].pointer, tooMuch.body.errors[0].payable], [
    "/amount",
    TOTAL - 3000,
  ]);
  const rest = await tryToPay(app, user, half.id);
  assertEquals([rest.body.status, rest.body.amount], ["captured", TOTAL - 3000]);
  const { body } = await read(app, user, half.id);
  assertEquals([body.status, body.payment_status, body.amount_due], ["PENDING", "PARTIALLY_PAID", 3000]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A paid, a cancelled and an expired order take no payment", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const orders = [(await checkOut("tok_success")).order, (await checkOut()).order, (await checkOut()).order];
  assertEquals((await patch(app, user, orders[1].id, { status: "CANCELLED" })).status, 200);
  await pass(60 * MINUTE_MS);
  assertEquals(await expire(app), 1);
  for (const { id } of orders) {
    const { status, body } = await tryToPay(app, user, id);
    assertEquals([status, body.errors[0].code], [422, "nothing_due"], body.detail);
  }
});

Deno.test("The same payment again under its key is answered with the first one, and charged once", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { order } = await checkOut();
  const key = { "Idempotency-Key": "pay-once" };
  const first = await tryToPay(app, user, order.id, "tok_timeout_after_charge", {}, key);
  assertEquals([first.status, first.body.status], [201, "created"]);
  const again = await tryToPay(app, user, order.id, "tok_timeout_after_charge", {}, key);
  assertEquals(
    [again.body.id, again.body.status],
    [first.body.id, "captured"],
    "it goes on where it was cut off",
  );
  assertEquals(again.headers.get("Idempotency-Replayed"), "true");
  const other = await tryToPay(app, user, order.id, "tok_success", {}, key);
  assertEquals([other.status, other.body.code], [422, "idempotency_key_reused"]);
  await assertBankAgrees(app);

  // Nothing is charged any more for an order that expired in the meantime.
  const { order: late } = await checkOut();
  const lateKey = { "Idempotency-Key": "too-late" };
  await tryToPay(app, user, late.id, "tok_error_500", {}, lateKey);
  await app.deps
    .sql`update payments set payment_method = 'tok_success', check_at = null where order_id = ${late.id}`;
  await pass(60 * MINUTE_MS);
  assertEquals(await expire(app), 1);
  assertEquals((await tryToPay(app, user, late.id, "tok_error_500", {}, lateKey)).body.status, "created");
  const [charges] = await app.deps.sql`
    select count(*) as n from sandbox_charges c join payments p on p.id = c.id where p.order_id = ${late.id}`;
  assertEquals(charges!.n, 0);
});

Deno.test("A replayed checkout charges nothing for an order that has expired since", async () => {
  await using shop = await startPaidShop();
  const { app, user, sku, pass } = shop;
  const { quote } = await quoted(app, user, { [sku]: 3 });
  const payment = { payment: { provider: "sandbox", payment_method: "tok_error_500" } };
  assertEquals((await tryCheckOut(app, user, quote, payment, "key")).body.payment.status, "created");
  await app.deps.sql`update payments set payment_method = 'tok_success', check_at = null`;
  await pass(60 * MINUTE_MS);
  assertEquals(await expire(app), 1);
  const again = await tryCheckOut(app, user, quote, payment, "key");
  assertEquals([again.body.order.status, again.body.payment.status], ["EXPIRED", "created"]);
  assertEquals((await app.deps.sql`select from sandbox_charges`).length, 0);
});

Deno.test("An authorisation keeps its order and its stock for seven days; then the reserved money is let go", async () => {
  await using shop = await startPaidShop();
  const { app, clock, user, sku, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_success", { capture_method: "manual" });
  assertEquals([order.status, order.payment_status, order.amount_authorised, order.amount_due], [
    "PENDING",
    "AUTHORISED",
    TOTAL,
    TOTAL,
  ]);
  assertEquals(order.expires_at, new Date(clock.at.getTime() + 7 * DAY_MS).toISOString());
  await pass(6 * DAY_MS);
  assertEquals(await expire(app), 0);
  await pass(DAY_MS);
  assertEquals(await expire(app), 1);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.payment_status, body.amount_authorised], ["EXPIRED", "UNPAID", 0]);
  assertEquals((await levelOf(app, sku)).reserved, 0);
  assertEquals(
    (await sandboxOf(app).find({ id: payment.id, reference: null }, AbortSignal.timeout(5000)))!.status,
    "voided",
  );
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Stock that no money is reserved for any more is held no longer than for a new order", async () => {
  await using shop = await startPaidShop();
  const { app, clock, user, staff, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_success", { capture_method: "manual" });
  const { order: begun, payment: rest } = await checkOut("tok_success", { capture_method: "manual" });
  await pass(DAY_MS);
  await app.request("POST", `/v1/payments/${payment.id}/void`, { token: staff.token });
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.payment_status], ["PENDING", "UNPAID"]);
  assertEquals(body.expires_at, new Date(clock.at.getTime() + 30 * MINUTE_MS).toISOString());
  // Of one that a part was paid of the rest may be paid as late as it might have been captured.
  const { expires_at } = (await read(app, user, begun.id)).body;
  assertEquals((await capture(app, staff, rest.id, 2000)).status, 201);
  await app.request("POST", `/v1/payments/${rest.id}/void`, { token: staff.token });
  assertEquals((await read(app, user, begun.id)).body.expires_at, expires_at);
  await pass(31 * MINUTE_MS);
  assertEquals(await expire(app), 1);
});

Deno.test("Whoever cancels an order while its 3-D Secure check is open cannot pay it there any more", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds");
  await app.request("POST", `/v1/orders/${order.id}/cancellation`, { token: user.token });
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  assertEquals(
    (await sandboxOf(app).find({ id: payment.id, reference: null }, AbortSignal.timeout(5000)))!.status,
    "voided",
  );
});

Deno.test("A long time to pay is not shortened by an authorisation", async () => {
  await using shop = await startPaidShop({ ORDER_EXPIRATION_MINUTES: String(30 * 24 * 60) });
  const { clock, checkOut } = shop;
  const { order } = await checkOut("tok_success", { capture_method: "manual" });
  assertEquals(order.expires_at, new Date(clock.at.getTime() + 30 * DAY_MS).toISOString());
});

Deno.test("A customer who never comes back from the 3-D Secure check is waited for only as long as the order", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { order, payment } = await checkOut("tok_3ds");
  for (let i = 0; i < 3; i++) {
    await pass(16 * MINUTE_MS);
    await sweep(app);
    await expire(app);
  }
  assertEquals((await read(app, user, order.id)).body.status, "EXPIRED");
  const { status, redirect_url } = await readPayment(app, user, payment.id);
  assertEquals([status, redirect_url], ["voided", null]);
  assertEquals((await app.deps.sql`select from payments where check_at is not null`).length, 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Payments are read by the order's owner and by staff; to others they are not there", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const stranger = await app.user();
  const get = (path: string, token: string) => app.request("GET", path, { token });
  for (const { token } of [user, staff]) {
    assertEquals((await get(`/v1/payments/${payment.id}`, token)).body, payment);
    assertEquals((await get(`/v1/orders/${order.id}/payments`, token)).body, {
      data: [payment],
      next_cursor: null,
    });
  }
  const others = [
    await get(`/v1/payments/${payment.id}`, stranger.token),
    await get(`/v1/payments/${newId()}`, user.token),
    await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: stranger.token }),
  ];
  for (const { status, body } of others) {
    assertEquals([status, body.detail], [404, others[1]!.body.detail]);
  }
  assertEquals((await get(`/v1/orders/${order.id}/payments`, stranger.token)).status, 404);
  assertEquals((await tryToPay(app, stranger, order.id)).status, 404);
  const captured = await app.request("POST", `/v1/payments/${payment.id}/captures`, { token: user.token });
  assertEquals(captured.status, 403);
  assertEquals((await app.request("GET", `/v1/payments/${payment.id}`)).status, 401);
});

Deno.test("An unknown provider is refused with those that there are, before anything is stored", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const { status, body } = await tryToPay(app, user, order.id, "x", { provider: "bitbank" });
  assertEquals([status, body.errors[0].pointer, body.errors[0].providers], [422, "/provider", ["sandbox"]]);
  assertEquals((await app.deps.sql`select from payments`).length, 0);
});

Deno.test("The page of the 3-D Secure check shows the amount, runs nothing, and sends the customer back to the shop", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const back = { return_url: "https://shop.example/thanks?cart=1" };
  const { order, payment } = await checkOut("tok_3ds", back);
  assertMatch(payment.redirect_url, /^\/sandbox\/3ds\/sandbox_/);
  const page = await app.request("GET", payment.redirect_url);
  assertEquals(page.status, 200);
  assert(
    page.body.includes("65.96 EUR") && page.body.includes("Pay</button>") &&
      page.body.includes("Refuse</button>"),
  );
  assertEquals(/<script|style=| on\w+=/.test(page.body), false);
  const policy = page.headers.get("Content-Security-Policy")!;
  assert(
    policy.includes("default-src 'none'") && policy.includes("form-action 'self' https://shop.example;"),
    policy,
  );
  assertEquals(page.headers.get("X-Frame-Options"), "DENY");

  const paid = await app.request("POST", payment.redirect_url, { form: { outcome: "success" } });
  assertEquals([paid.status, paid.headers.get("Location")], [
    303,
    `https://shop.example/thanks?cart=1&payment_id=${payment.id}`,
  ]);
  assertEquals(
    (await readPayment(app, user, payment.id)).status,
    "requires_action",
    "the shop has not heard yet",
  );
  const refreshed = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals([refreshed.body.status, refreshed.body.redirect_url], ["captured", null]);
  assertEquals((await read(app, user, order.id)).body.payment_status, "PAID");
  const again = await app.request("POST", payment.redirect_url, { form: { outcome: "fail" } });
  assertEquals(again.status, 303);
  assert((await app.request("GET", payment.redirect_url)).body.includes("captured already"));
  await assertBankAgrees(app);
});

Deno.test("A check that is refused fails the payment; without an address to return to the bank says that it is done", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds");
  const unclear = await app.request("POST", payment.redirect_url, { form: { outcome: "maybe" } });
  assertEquals([unclear.status, unclear.body.errors[0].pointer], [422, "/outcome"]);
  const done = await app.request("POST", payment.redirect_url, { form: { outcome: "fail" } });
  assertEquals([done.status, done.body.includes("65.96 EUR is failed")], [200, true]);
  const refreshed = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals([refreshed.body.status, refreshed.body.failure_code], ["failed", "authentication_failed"]);
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
});

Deno.test("The sandbox's pages are only there for its checks, and where it is enabled", async () => {
  await using shop = await startPaidShop();
  const { app, staff, user, checkOut } = shop;
  const { payment } = await checkOut("tok_success");
  const { payment: late } = await checkOut("tok_late");
  for (const reference of ["sandbox_none", payment.provider_reference, "<script>"]) {
    const path = `/sandbox/3ds/${encodeURIComponent(reference)}`;
    assertEquals((await app.request("GET", path)).status, 404, reference);
    assertEquals((await app.request("POST", path, { form: { outcome: "success" } })).status, 404, reference);
  }
  const settle = (token: string, reference: string) =>
    app.request("POST", `/v1/sandbox/charges/${reference}/settle`, { token });
  assertEquals((await settle(user.token, late.provider_reference)).status, 403);
  assertEquals((await settle(staff.token, "sandbox_none")).status, 404);
  assertEquals((await settle(staff.token, late.provider_reference)).body, {
    reference: late.provider_reference,
    status: "captured",
  });
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, late.id)).status, "captured");

  await using without = await startPaidShop({ PAYMENT_SANDBOX: "false" });
  assertEquals((await without.app.request("GET", "/sandbox/3ds/sandbox_none")).status, 404);
  const gone = await without.app.request("POST", `/v1/sandbox/charges/x/settle`, {
    token: without.staff.token,
  });
  assertEquals(gone.status, 404);
  assertNotEquals(gone.body.code, "internal");
});

Deno.test("Ledger and log name each customer's own request, however many pay at the same moment", async () => {
  await using shop = await startPaidShop();
  const { app, sku } = shop;
  const users = await Promise.all(Array.from({ length: 24 }, () => app.user()));
  const orders = await Promise.all(
    users.map((user) => place(app, user, { [sku]: 1 }, { shipping_option: "standard" })),
  );
  const requests = await Promise.all(
    users.map((user, i) =>
      tryToPay(app, user, orders[i]!.id, "tok_success", {}, { "X-Request-Id": `request-of-${i}` })
    ),
  );
  assertEquals(requests.map(({ body }) => body.status), Array(24).fill("captured"));
  for (const [i, { id }] of orders.entries()) {
    const written = await app.deps.sql`
      select actor, request_id from ledger where order_id = ${id} and kind = 'capture'
      union all
      select actor, request_id from events
      where (aggregate_type = 'payment' and data->>'order_id' = ${id})
        or (aggregate_type = 'order' and aggregate_id = ${id} and sequence > 1)`;
    for (const each of written) {
      assertEquals([each.actor, each.request_id], [`user:${users[i]!.id}`, `request-of-${i}`]);
    }
    assert(written.length >= 4);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Two payments of one order that are told of at the same moment are both booked", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const payments: StoredPayment[] = [(await checkOut("tok_late")).payment];
  const { order } = await checkOut();
  for (const amount of [2000, TOTAL - 2000]) {
    payments.push((await tryToPay(app, user, order.id, "tok_late", { amount })).body);
  }
  for (const { provider_reference } of payments) await sandboxOf(app).settle(provider_reference!);
  const states = await Promise.all(
    payments.map(({ id }) => sandboxOf(app).find({ id, reference: null }, AbortSignal.timeout(5000))),
  );
  const ctx = systemCtx(app.deps, "test");
  // The first is recorded at once; the others wait for that, and then go together.
  const after = await Promise.all(payments.map((payment, i) => recordCharge(ctx, payment, states[i]!)));
  assertEquals(after.map(({ status }) => status), ["captured", "captured", "captured"]);
  assertEquals((await read(app, user, order.id)).body.payment_status, "PAID");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What the bank still decides about holds up no other money of an order that was cancelled, and goes back later", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const paid = (await tryToPay(app, user, order.id, "tok_success", { amount: 3000 })).body;
  const late = (await tryToPay(app, user, order.id, "tok_late")).body;
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, paid.id)).amount_refunded, 3000);
  const path = `/v1/sandbox/charges/${late.provider_reference}/settle`;
  assertEquals((await app.request("POST", path, { token: staff.token })).status, 200);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, late.id)).amount_refunded, TOTAL - 3000);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
