import { assert, assertEquals } from "@std/assert";
import { ProviderError } from "../../src/payments/providers/provider.ts";
import { newId } from "../../src/platform/id.ts";
import { ask, change, get, receive, refund } from "../http/returns/support.ts";
import { assertBooksBalance, deliver, patch, read } from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  letItEnd,
  letWorkerCatchUp,
  MINUTE_MS,
  paidByTwo,
  type PaidShop,
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

/** From now on the bank answers to no refund of these methods. */
function troubleRefunds({ app }: PaidShop, isTroubled: (reference: string) => boolean): void {
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    refund: (request, signal) =>
      isTroubled(request.reference)
        ? Promise.reject(new ProviderError("unknown", "timeout", "late"))
        : sandbox.refund(request, signal),
  });
}

Deno.test("What went back at the bank itself while a share of a refund waited is booked once that share has failed with the refund that it followed", async () => {
  await using shop = await startPaidShop();
  const { app, staff } = shop;
  const { order, a } = await paidByTwo(shop, "tok_success", "tok_refund_refused");
  troubleRefunds(shop, () => true);
  assertEquals((await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 2 }] })).status, 201);
  await sandboxOf(app).refundAtBank(a.provider_reference, 500);
  await postWebhook(app, bankMessage(app, a.provider_reference));
  await letWorkerCatchUp(app);
  payThrough(app, sandboxOf(app));
  await letItEnd(shop);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A cancelled order's money goes back where a refund that had it reserved has failed since", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { order } = await paidByTwo(shop, "tok_success", "tok_refund_refused");
  troubleRefunds(shop, () => true);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  await letWorkerCatchUp(app);
  payThrough(app, sandboxOf(app));
  await letItEnd(shop);
  await assertBankAgrees(app);
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.amount_refunded], ["CANCELLED", TOTAL / 2]);
  const { body: refunds } = await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token });
  assert(refunds.data.length <= 5, `${refunds.data.length}`);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What staff recorded is given back once, also while a share of it waits for the refund that it follows", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: a } = await tryToPay(app, user, order.id, "tok_refund_refused", { amount: 1000 });
  const { body: b } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000 });
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  troubleRefunds(shop, () => true);
  // All of A is under way; then B gives 2000 and what staff recorded 1500 of its 3596, and waits.
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000, payment_id: a.id })).status, 201);
  const second = await tryToRefund(app, staff, order.id, { amount: 5000 });
  assertEquals(second.status, 201, JSON.stringify(second.body));
  // A's own has failed, and has its money again.
  troubleRefunds(shop, (reference) => reference === b.provider_reference);
  await shop.pass(10 * MINUTE_MS);
  await sweep(app);
  assertEquals((await readPayment(app, user, a.id)).amount_refunding, 0);
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  const third = await tryToRefund(app, staff, order.id, { amount: 1596 });
  assertEquals(third.status, 201, JSON.stringify(third.body));
  payThrough(app, sandboxOf(app));
  await letItEnd(shop);
  const [row] = await app.deps.sql`
    select sum(amount)::bigint as given from refunds where order_id = ${order.id} and payment_id is null and status = 'succeeded'`;
  assert(row!.given <= 3596, `${row!.given} of 3596 was given back`);
});

Deno.test("All units of a line give back all of it, also where the refund of the first failed after that of the next", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const refundUnits = async (quantity: number) => {
    await shop.pass(MINUTE_MS);
    const asked = { items: [{ line: 1, quantity }], include_shipping: true };
    const { status, body } = await tryToRefund(app, staff, order.id, asked);
    assertEquals(status, 201, JSON.stringify(body));
    return body;
  };
  troubleRefunds(shop, () => true);
  assertEquals((await refundUnits(1)).status, "pending");
  payThrough(app, sandboxOf(app));
  // By an API whose clock is so far behind that its ids sort before those that were made already.
  const now = Date.now;
  Date.now = () => now() - 12_000;
  const second = await refundUnits(1).finally(() => Date.now = now);
  assertEquals(second.status, "succeeded");
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_refund_refused'`;
  await shop.pass(MINUTE_MS);
  await sweep(app);
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  assertEquals((await refundUnits(2)).status, "succeeded");
  const { body } = await read(app, user, order.id);
  assertEquals([body.amount_refunded, body.payment_status], [TOTAL, "REFUNDED"]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

for (const units of [2, 3]) {
  Deno.test(`What of the refund of ${units} returned units failed can be asked for again`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff } = shop;
    const { order } = await paidByTwo(shop, "tok_refund_refused", "tok_success");
    await deliver(app, staff, order.id);
    const post = (path: string, token: string, body: unknown) =>
      app.request("POST", path, { token, body, headers: { "Idempotency-Key": newId() } });
    const { body: asked } = await post(`/v1/orders/${order.id}/returns`, user.token, {
      items: [{ line: 1, quantity: units }],
      reason: "Too small",
    });
    await app.request("PATCH", `/v1/returns/${asked.id}`, {
      token: staff.token,
      body: { status: "approved" },
    });
    await post(`/v1/returns/${asked.id}/receipt`, staff.token, {
      items: [{ line: 1, restocked: units }],
      refund: true,
    });
    await letItEnd(shop);
    const { body: ret } = await app.request("GET", `/v1/returns/${asked.id}`, { token: user.token });
    assertEquals(ret.refund.status, "failed");
    await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
    const again = await post(`/v1/returns/${asked.id}/refund`, staff.token, {});
    await letItEnd(shop);
    assertEquals(again.status, 201, JSON.stringify(again.body));
    const { body: after } = await read(app, user, order.id);
    assertEquals(after.amount_refunded, units === 2 ? 3997 : TOTAL - 500 - Math.round(1099 * 500 / 5499));
    const { body: end } = await app.request("GET", `/v1/returns/${asked.id}`, { token: user.token });
    assertEquals(end.refund.status, "succeeded");
    await assertBankAgrees(app);
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("A return's refund of which a share failed and another waits is under way: in the end all that failed can be asked for again", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: silent } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000 });
  await tryToPay(app, user, order.id, "tok_refund_refused", { amount: 2000 });
  await tryToPay(app, user, order.id);
  await deliver(app, staff, order.id);
  const { id } = (await ask(app, user, order.id, 3)).body;
  await change(app, staff, id, { status: "approved" });
  troubleRefunds(shop, (reference) => reference === silent.provider_reference);
  const received = await receive(app, staff, id, [3, 0], { refund: true });
  assertEquals([received.body.refund.amount, received.body.refund.status], [5996, "pending"]);
  assertEquals((await refund(app, staff, id)).status, 409, "until it is known what failed");

  await app.deps.sql`
    update sandbox_charges set payment_method = 'tok_refund_refused' where reference = ${silent.provider_reference}`;
  payThrough(app, sandboxOf(app));
  await letItEnd(shop);
  assertEquals((await get(app, user, `/v1/returns/${id}`)).body.refund.status, "failed");
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  const again = await refund(app, staff, id);
  assertEquals([again.status, again.body.refund.amount], [201, 3400]);
  await assertGivenBack(shop, order.id, 5996);
});

/** In the end so much of an order is given back, at the bank and by the books. */
async function assertGivenBack(shop: PaidShop, orderId: string, amount: number): Promise<void> {
  const { app, user } = shop;
  await letItEnd(shop);
  assertEquals((await read(app, user, orderId)).body.amount_refunded, amount);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
}

/** A delivered order of which 2 units were returned; what its payments by the refusing bank were to give back has failed. */
async function returnRefused(shop: PaidShop, orderId: string): Promise<string> {
  const { app, user, staff } = shop;
  await deliver(app, staff, orderId);
  const { id } = (await ask(app, user, orderId, 2)).body;
  await change(app, staff, id, { status: "approved" });
  await receive(app, staff, id, [2, 0], { refund: true });
  await letItEnd(shop);
  assertEquals((await get(app, user, `/v1/returns/${id}`)).body.refund.status, "failed");
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  return id;
}

for (const given of [500, 699]) {
  Deno.test(`Of a return's refund of which a share of 699 failed, the ${given} that went back at the bank itself since are not given again`, async () => {
    await using shop = await startPaidShop();
    const { app, staff } = shop;
    const { order, a } = await paidByTwo(shop, "tok_refund_refused", "tok_success");
    const id = await returnRefused(shop, order.id);
    await sandboxOf(app).refundAtBank(a.provider_reference, given);
    await postWebhook(app, bankMessage(app, a.provider_reference));
    await letWorkerCatchUp(app);
    const again = await refund(app, staff, id);
    assertEquals([again.status, again.body.status], [201, "refunded"], JSON.stringify(again.body));
    assertEquals(again.body.refund?.amount ?? 0, 699 - given);
    await assertGivenBack(shop, order.id, 3997);
  });
}

Deno.test("A return whose refund failed, and went back otherwise since, ends without another; while that is under way it waits", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order } = await checkOut("tok_refund_refused");
  const id = await returnRefused(shop, order.id);
  troubleRefunds(shop, () => true);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 3997 })).body.status, "pending");
  const early = await refund(app, staff, id);
  assertEquals([early.status, early.body.errors[0].code], [422, "refund_under_way"]);
  payThrough(app, sandboxOf(app));
  await letItEnd(shop);
  const ended = await refund(app, staff, id);
  assertEquals([ended.status, ended.body.refund], [201, null]);
  await assertGivenBack(shop, order.id, 3997);
});

for (const [by, ahead] of [["", 0], [", also by a clock that was ahead", MINUTE_MS]] as const) {
  Deno.test(`What a return's refund was refused is given whole, whatever was given back before it${by}`, async () => {
    await using shop = await startPaidShop();
    const { app, staff } = shop;
    const { order, b } = await paidByTwo(shop, "tok_refund_refused", "tok_success");
    await shop.pass(ahead);
    assertEquals(
      (await tryToRefund(app, staff, order.id, { amount: 100, payment_id: b.id })).status,
      201,
    );
    await shop.pass(ahead > 0 ? -ahead : MINUTE_MS);
    const id = await returnRefused(shop, order.id);
    const again = await refund(app, staff, id);
    assertEquals([again.status, again.body.refund?.amount], [201, 799], JSON.stringify(again.body));
    await assertGivenBack(shop, order.id, 100 + 3997);
  });
}

for (const secondsBehind of [2, 3600]) {
  Deno.test(`What went back since a return's refund failed is not given again, also by an API whose clock is ${secondsBehind} s behind the worker's`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff } = shop;
    const { order, a } = await paidByTwo(shop, "tok_refund_refused", "tok_success");
    const id = await returnRefused(shop, order.id);
    const { body: { refund: failed } } = await get(app, user, `/v1/returns/${id}`);
    const { updated_at } = (await get(app, user, `/v1/refunds/${failed.id}`)).body;
    await shop.pass(Date.parse(updated_at) - secondsBehind * 1000 - shop.clock.at.getTime());
    await sandboxOf(app).refundAtBank(a.provider_reference, 500);
    await postWebhook(app, bankMessage(app, a.provider_reference));
    await letWorkerCatchUp(app);
    const again = await refund(app, staff, id);
    assertEquals([again.status, again.body.refund?.amount], [201, 699 - 500], JSON.stringify(again.body));
    await assertGivenBack(shop, order.id, 3997);
  });
}

Deno.test("All units of a line give back all of it, also where clocks differ by two seconds between the refund that failed and the next", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_refund_refused");
  const refundUnit = async () => {
    const asked = { items: [{ line: 1, quantity: 1 }], include_shipping: true };
    const { status, body } = await tryToRefund(app, staff, order.id, asked);
    assertEquals(status, 201, JSON.stringify(body));
    return body.status;
  };
  assertEquals(await refundUnit(), "failed");
  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  await shop.pass(-2000);
  for (let unit = 0; unit < 3; unit++) assertEquals(await refundUnit(), "succeeded");
  const { body } = await read(app, user, order.id);
  assertEquals([body.amount_refunded, body.payment_status], [TOTAL, "REFUNDED"]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
