import { assertEquals } from "@std/assert";

import { type PaymentProvider, ProviderError } from "../../src/payments/providers/provider.ts";
import { newId } from "../../src/platform/id.ts";
import { assertBooksBalance, deliver, levelOf, patch, read } from "../support/orders.ts";
import {
  assertBankAgrees,
  letItEnd,
  letWorkerCatchUp,
  MINUTE_MS,
  paidByTwo,
  type PaidShop,
  payLate,
  payThrough,
  sandboxOf,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";

/** Two units without their shipping: goods 29.98, duty 3.33, tax 6.66. */
const TWO_UNITS = 3997;

async function refundedOf({ app, user }: PaidShop, id: string): Promise<number> {
  return (await read(app, user, id)).body.amount_refunded;
}

Deno.test("Units that two payments give back, of which one is refused, give no more than they are worth when asked for again", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { order } = await paidByTwo(shop, "tok_success", "tok_refund_refused");
  const items = { items: [{ line: 1, quantity: 2 }] };
  await tryToRefund(app, staff, order.id, items);
  await letItEnd(shop);
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  await tryToRefund(app, staff, order.id, items);
  await letItEnd(shop);
  assertEquals(await refundedOf(shop, order.id), TWO_UNITS);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
  await read(app, user, order.id);
});

Deno.test("A return's refund by two payments says how much comes back, and that it failed where a share did", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { order } = await paidByTwo(shop, "tok_refund_refused", "tok_success");
  await deliver(app, staff, order.id);
  const post = (path: string, token: string, body: unknown) =>
    app.request("POST", path, { token, body, headers: { "Idempotency-Key": newId() } });
  const { body: asked } = await post(`/v1/orders/${order.id}/returns`, user.token, {
    items: [{ line: 1, quantity: 2 }],
    reason: "Too small",
  });
  await app.request("PATCH", `/v1/returns/${asked.id}`, { token: staff.token, body: { status: "approved" } });
  const { body: received } = await post(`/v1/returns/${asked.id}/receipt`, staff.token, {
    items: [{ line: 1, restocked: 2 }],
    refund: true,
  });
  await letItEnd(shop);
  const { body: ret } = await app.request("GET", `/v1/returns/${asked.id}`, { token: user.token });
  const refunded = await refundedOf(shop, order.id);
  // Either all of it came back, or the return does not say that it did.
  assertEquals([received.refund.amount, ret.refund.status === "succeeded" ? refunded : "said"], [
    TWO_UNITS,
    ret.refund.status === "succeeded" ? TWO_UNITS : "said",
  ]);
});

Deno.test("A refund by two payments is given back once and all, and its units are free", async () => {
  await using shop = await startPaidShop();
  const { app, staff, sku } = shop;
  const { order } = await paidByTwo(shop, "tok_refund_fails", "tok_success");
  assertEquals(
    (await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 2 }] }, "k")).status,
    201,
  );
  assertEquals(
    (await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 2 }] }, "k")).status,
    201,
  );
  await letItEnd(shop);
  assertEquals(await refundedOf(shop, order.id), TWO_UNITS);
  assertEquals((await levelOf(app, sku)).reserved, 1);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  await letItEnd(shop);
  assertEquals(await refundedOf(shop, order.id), TOTAL);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A share that follows a refund is given after that and never before, also where a process is killed between them", async () => {
  await using shop = await startPaidShop();
  const { app, staff, pass } = shop;
  const { order, a, b } = await paidByTwo(shop, "tok_success", "tok_success");
  const sandbox = sandboxOf(app);
  const failFor = (reference: string, error: Error) => {
    const refund: PaymentProvider["refund"] = (request, signal) =>
      request.reference === reference ? Promise.reject(error) : sandbox.refund(request, signal);
    payThrough(app, { ...sandbox, refund });
  };
  failFor(b.provider_reference, new ProviderError("unknown", "timeout", "late"));
  assertEquals((await tryToRefund(app, staff, order.id, { amount: TOTAL / 2 + 100 })).status, 201);
  await pass(5 * MINUTE_MS);
  await sweep(app);
  assertEquals(await refundedOf(shop, order.id), 0);
  // What is reserved of one payment is no longer its to give.
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 100 })).body.status, "succeeded");
  failFor(a.provider_reference, new Error("The process is killed."));
  await pass(5 * MINUTE_MS);
  await sweep(app);
  assertEquals(await refundedOf(shop, order.id), TOTAL / 2 + 100);
  payThrough(app, sandbox);
  await pass(5 * MINUTE_MS);
  await sweep(app);
  assertEquals(await refundedOf(shop, order.id), TOTAL / 2 + 200);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund by provider and by what staff recorded is given back once and all", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  assertEquals((await tryToPay(app, user, order.id, "tok_success", { amount: TOTAL / 2 })).status, 201);
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  await letItEnd(shop);
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.payment_status, body.amount_refunded, body.amount_due], [
    "REFUNDED",
    "REFUNDED",
    TOTAL,
    0,
  ]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

/** What the bank holds when nothing is in doubt any more. */
async function heldInTheEnd({ app, pass }: PaidShop): Promise<number> {
  for (let i = 0; i < 10; i++) {
    await pass(2 ** i * MINUTE_MS);
    await sweep(app);
    await letWorkerCatchUp(app);
  }
  await assertBankAgrees(app);
  const [left] = await app.deps
    .sql`select sum(amount_captured - amount_refunded)::bigint as held from sandbox_charges`;
  return left!.held;
}

Deno.test("A charge that reaches the bank after its order was cancelled, and whose answer is lost, is found and goes back", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const { paying, letItArrive } = await payLate(shop, order.id, { isAnswerLost: true });
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  await letWorkerCatchUp(app);
  letItArrive();
  await paying;
  payThrough(app, sandboxOf(app));
  assertEquals(await heldInTheEnd(shop), 0);
});

Deno.test("A charge that reaches the bank after it was voided, and whose answer is lost, does not make its customer pay twice", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const { paying, letItArrive } = await payLate(shop, order.id, { isAnswerLost: true });
  const [{ id }] =
    (await app.request("GET", `/v1/orders/${order.id}/payments`, { token: user.token })).body.data;
  await app.request("POST", `/v1/payments/${id}/void`, { token: user.token });
  payThrough(app, sandboxOf(app));
  await tryToPay(app, user, order.id);
  letItArrive();
  await paying;
  assertEquals(await heldInTheEnd(shop), TOTAL);
});
