import { assert, assertEquals } from "@std/assert";
import Stripe from "stripe";
import { systemCtx } from "../../../src/deps.ts";
import { workOnWebhook } from "../../../src/payments/mod.ts";
import { ProviderError } from "../../../src/payments/providers/provider.ts";
import { paymentIntent, startFakeStripe, stripeCharge } from "../../payments/providers/fake_stripe.ts";
import { assertBooksBalance, patch, read, startAnother, typesOf } from "../../support/orders.ts";
import {
  assertAllIsWell,
  bankMessage,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  payThrough,
  postWebhook,
  readPayment,
  refundAtBank,
  refundsOf,
  sandboxOf,
  standing,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../../support/payments.ts";
import { doOutsideJobs } from "../../support/worker.ts";

const FOREIGN = "Refunded at the payment provider";

const toldOf = (refunds: Record<string, unknown>[]) =>
  refunds.map(({ amount, status, reason }) => [amount, status, reason === FOREIGN]);

/** Lets refunds that were not answered be tried until they are. */
async function retryRefunds({ app, pass }: PaidShop): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  assertEquals((await letWorkerCatchUp(app)).failures, []);
}

Deno.test("What is refunded at the bank is found by its webhook: refund, payment, order, log and mail tell of it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const { status, body } = await refundAtBank(app, staff, payment.provider_reference);
  assertEquals([status, body], [200, {
    reference: payment.provider_reference,
    amount_captured: TOTAL,
    amount_refunded: TOTAL,
  }]);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const [refund = assert(false), ...more] = await refundsOf(app, order.id);
  assertEquals(more, []);
  assertEquals(
    [refund.status, refund.payment_id, refund.reason, refund.items, refund.actor, refund.next_attempt_at],
    ["succeeded", payment.id, FOREIGN, [], "system:payments.foreign_refund", null],
  );
  assertEquals([refund.goods_amount, refund.shipping_amount, refund.duty_amount, refund.tax_amount], [
    4497,
    500,
    500,
    1099,
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  const after = await readPayment(app, user, payment.id);
  assertEquals([after.amount_refunding, after.amount_refunded], [0, TOTAL]);
  assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.succeeded"]);
  assertEquals((await typesOf(app, "payment", payment.id)).at(-1), "payment.refunded");
  assertEquals((await doOutsideJobs(app.deps, "notifications.send")).failures, []);
  const mails = await app.deps.sql`
    select template, subject_id from notifications where order_id = ${order.id} order by template`;
  assertEquals(mails.map(({ template, subject_id }) => [template, subject_id]), [["refund_sent", refund.id]]);
  await assertAllIsWell(app);
});

Deno.test("However often and in whatever order it is told, a part refunded at the bank is booked once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await using other = await startAnother(app);
  const { order, payment } = await checkOut("tok_success");
  const sandbox = sandboxOf(app);
  const stale = await sandbox.find({ id: payment.id, reference: null });
  await refundAtBank(app, staff, payment.provider_reference, 1000);
  // The bank answers all twelve before any of them is recorded.
  const asked = Promise.withResolvers<void>();
  let waiting = 12;
  const find: typeof sandbox.find = async (...of) => {
    const state = await sandbox.find(...of);
    if (--waiting === 0) asked.resolve();
    await asked.promise;
    return state;
  };
  for (const each of [app, other]) payThrough(each, { ...sandbox, find });
  await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const at = i % 2 ? app : other;
    const message = bankMessage(app, payment.provider_reference, `evt_${i}`);
    assertEquals((await postWebhook(app, message)).status, 200);
    await workOnWebhook(systemCtx(at.deps, "test"), "sandbox", `evt_${i}`);
  }));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(toldOf(await refundsOf(app, order.id)), [[1000, "succeeded", true]]);
  // Taken off goods, shipping, duty and tax as any refund of an amount is.
  const [{ goods_amount, tax_amount } = assert(false)] = await refundsOf(app, order.id);
  assertEquals([goods_amount, tax_amount], [682, 166]);
  await refundAtBank(app, staff, payment.provider_reference, 500);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  payThrough(app, { ...sandbox, find: () => Promise.resolve(stale) });
  const refreshed = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals(refreshed.body.amount_refunded, 1500);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 1500, 0]);
  const rest = await tryToRefund(app, staff, order.id);
  assertEquals([rest.body.status, rest.body.amount], ["succeeded", TOTAL - 1500]);
  await assertAllIsWell(app);
});

Deno.test("A customer who comes back makes it found, and is not said to have done it", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await sandboxOf(app).refundAtBank(payment.provider_reference, 700);
  const { status, body } = await app.request("POST", `/v1/payments/${payment.id}/refresh`, {
    token: user.token,
  });
  assertEquals([status, body.amount_refunded], [200, 700]);
  const { body: ledger } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: user.token });
  const { kind, actor, reason } = ledger.transactions.at(-1);
  assertEquals([kind, actor, reason], ["refund", "system", FOREIGN]);
  await assertAllIsWell(app);
});

Deno.test("Of several payments of an order the one that was refunded at the bank has it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const first = (await tryToPay(app, user, order.id, "tok_success", { amount: 3000 })).body;
  await refundAtBank(app, staff, first.provider_reference, 1000);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  // Taken off the sale: so much less is to be paid.
  const { body } = await read(app, user, order.id);
  assertEquals(standing(body), ["PENDING", "PARTIALLY_PAID", 1000, TOTAL - 3000]);
  const second = (await tryToPay(app, user, order.id)).body;
  await refundAtBank(app, staff, first.provider_reference);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, first.id)).amount_refunded, 3000);
  assertEquals((await readPayment(app, user, second.id)).amount_refunded, 0);
  await assertAllIsWell(app);
});

Deno.test("A refund of ours under way is not taken for another's, and what hid behind it is found when it ends", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000 })).body.status, "pending");
  await refundAtBank(app, staff, payment.provider_reference, 600);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(toldOf(await refundsOf(app, order.id)), [[1000, "pending", false]], "it may be ours");
  await refundAtBank(app, staff, payment.provider_reference, 900);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(toldOf(await refundsOf(app, order.id)), [[1000, "pending", false], [500, "succeeded", true]]);
  await retryRefunds(shop);
  assertEquals(toldOf(await refundsOf(app, order.id)), [
    [1000, "succeeded", false],
    [500, "succeeded", true],
    [1000, "succeeded", true],
  ]);
  const after = await readPayment(app, user, payment.id);
  assertEquals([after.amount_refunding, after.amount_refunded], [0, 2500]);
  await assertAllIsWell(app);
});

Deno.test("What hid behind a refund of ours that has failed for good is found", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000 })).body.status, "pending");
  await refundAtBank(app, staff, payment.provider_reference);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  // Now the bank has nothing left for ours.
  await retryRefunds(shop);
  assertEquals(toldOf(await refundsOf(app, order.id)), [
    [1000, "failed", false],
    [TOTAL - 1000, "succeeded", true],
    [1000, "succeeded", true],
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertAllIsWell(app);
});

Deno.test("A state that still counts a refund of ours that has failed since is no refund of another's", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const sandbox = sandboxOf(app);
  // A bank that counts a refund from its beginning, and returns it later.
  let said: "pending" | "failed" = "pending";
  const refund = () => Promise.resolve({ reference: "refund_1", status: said });
  const find = async (...of: Parameters<typeof sandbox.find>) => {
    const state = (await sandbox.find(...of))!;
    return said === "failed" ? state : { ...state, amountRefunded: state.amountRefunded + 1000 };
  };
  payThrough(app, { ...sandbox, find, refund });
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000 })).body.status, "pending");
  await shop.pass(5 * MINUTE_MS);
  payThrough(app, {
    ...sandbox,
    async find(...of) {
      const stale = await find(...of);
      said = "failed";
      payThrough(app, { ...sandbox, find, refund });
      await sweep(app);
      return stale;
    },
  });
  await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(toldOf(await refundsOf(app, order.id)), [[1000, "failed", false]]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PAID", 0, 0]);
  await assertAllIsWell(app);
});

Deno.test("Of a cancelled order only what the bank has left goes back, told of it before or only by its refusal", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  for (const isTold of [true, false]) {
    const { order, payment } = await checkOut("tok_success");
    assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
    if (isTold) {
      await refundAtBank(app, staff, payment.provider_reference, 1000);
      const [{ event_id } = assert(false)] = await app.deps.sql`
        select event_id from payment_webhooks where payload->>'reference' = ${payment.provider_reference}`;
      await workOnWebhook(systemCtx(app.deps, "test"), "sandbox", event_id);
      assertEquals(standing((await read(app, user, order.id)).body), [
        "CANCELLED",
        "PARTIALLY_REFUNDED",
        1000,
        1000 - TOTAL,
      ]);
    } else {
      await sandboxOf(app).refundAtBank(payment.provider_reference, 1000);
    }
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    const ours = [TOTAL - 1000, "succeeded", false];
    assertEquals(
      toldOf(await refundsOf(app, order.id)),
      isTold
        ? [[1000, "succeeded", true], ours]
        : [[TOTAL, "failed", false], [1000, "succeeded", true], ours],
    );
    assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  }
  await assertAllIsWell(app);
});

Deno.test("A provider that claims to have given back more than it took is booked as far as it can be, and logged", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const sandbox = sandboxOf(app);
  const logged: unknown[] = [];
  app.deps.log = { ...app.deps.log, error: (message, fields) => logged.push([message, fields?.payment_id]) };
  payThrough(app, {
    ...sandbox,
    async find(...of) {
      return { ...(await sandbox.find(...of))!, amountRefunded: TOTAL + 1 };
    },
  });
  for (let i = 0; i < 2; i++) {
    const { status, body } = await app.request("POST", `/v1/payments/${payment.id}/refresh`, {
      token: user.token,
    });
    assertEquals([status, body.amount_refunded], [200, TOTAL]);
  }
  const complaint = ["a provider says that it gave back more of a payment than was left", payment.id];
  assertEquals(logged, [complaint, complaint]);
  assertEquals(toldOf(await refundsOf(app, order.id)), [[TOTAL, "succeeded", true]]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that came back to the provider after it was booked is logged each time, and stays booked", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000 })).status, 201);
  const sandbox = sandboxOf(app);
  const logged: unknown[] = [];
  app.deps.log = { ...app.deps.log, error: (message, fields) => logged.push([message, fields]) };
  const refresh = () => app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals((await refresh()).body.amount_refunded, 1000);
  assertEquals(logged, []);
  payThrough(app, {
    ...sandbox,
    async find(...of) {
      return { ...(await sandbox.find(...of))!, amountRefunded: 400 };
    },
  });
  assertEquals((await refresh()).body.amount_refunded, 1000);
  assertEquals(logged, [[
    "a provider says that a refund came back",
    { payment_id: payment.id, order_id: order.id },
  ]]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("50 refunds of ours at once with others at the bank: all is booked, and never more than was captured", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await using other = await startAnother(app);
  const { order, payment } = await checkOut("tok_success");
  // Nobody has told of this one when the race begins.
  await sandboxOf(app).refundAtBank(payment.provider_reference, 149);
  const ours = Array.from(
    { length: 50 },
    (_, i) => tryToRefund(i % 2 ? app : other, staff, order.id, { amount: 100 + 7 * i }),
  );
  const atBank = async (i: number) => {
    const at = i % 2 ? other : app;
    const given = await sandboxOf(at).refundAtBank(payment.provider_reference, 150 + i).catch((error) => {
      // Ours have taken what was left.
      if (!(error instanceof ProviderError)) throw error;
    });
    const message = bankMessage(app, payment.provider_reference, `evt_${i}`);
    assertEquals((await postWebhook(app, message)).status, 200);
    await workOnWebhook(systemCtx(at.deps, "test"), "sandbox", `evt_${i}`);
    return given ? 150 + i : 0;
  };
  // Each as soon as one of ours is done, while others are reserved and on their way.
  const theirs = await Promise.all(ours.slice(0, 12).map((each, i) => each.then(() => atBank(i))));
  const answers = await Promise.all(ours);
  const kinds = new Set(answers.map(({ status }) => status));
  assertEquals([...kinds].filter((status) => status !== 201 && status !== 422), []);
  for (let i = 0; i < 3; i++) {
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    await letRetriesBeDue(app);
  }
  const refunds = await refundsOf(app, order.id);
  const foreign = refunds.filter(({ reason, status }) => reason === FOREIGN && status === "succeeded");
  assertEquals(
    foreign.reduce((sum, { amount }) => sum + amount, 0),
    theirs.reduce((sum, amount) => sum + amount, 149),
  );
  const after = await readPayment(app, user, payment.id);
  assertEquals(after.amount_refunding, 0);
  assert(after.amount_refunded <= TOTAL);
  await assertAllIsWell(app);
});

Deno.test("A refund in Stripe's dashboard is found by its webhook `charge.refunded`", async () => {
  await using fake = startFakeStripe();
  const secret = "whsec_test_only";
  await using shop = await startPaidShop({
    STRIPE_SECRET_KEY: "sk_test_only",
    STRIPE_WEBHOOK_SECRET: secret,
    STRIPE_API_BASE: fake.url,
  });
  const { app, user, clock, checkOut } = shop;
  const { order } = await checkOut();
  const intent = (amount_refunded: number) =>
    paymentIntent({
      amount: TOTAL,
      amount_received: TOTAL,
      latest_charge: stripeCharge({ amount: TOTAL, amount_captured: TOTAL, amount_refunded }),
    });
  fake.nextJson(intent(0));
  const { body: payment } = await tryToPay(app, user, order.id, "pm_card_visa", { provider: "stripe" });
  assertEquals([payment.status, payment.provider_reference], ["captured", "pi_1"]);

  const body = JSON.stringify({
    id: "evt_1",
    object: "event",
    type: "charge.refunded",
    data: { object: stripeCharge({ amount_refunded: 2500 }) },
  });
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload: body,
    secret,
    timestamp: clock.at.getTime() / 1000,
  });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  assertEquals((await postWebhook(app, { body, headers }, "stripe")).body, { received: true });
  fake.nextJson(intent(2500));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(toldOf(await refundsOf(app, order.id)), [[2500, "succeeded", true]]);
  assertEquals((await readPayment(app, user, payment.id)).amount_refunded, 2500);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 2500, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Staff refund at the sandbox's bank, no more than it has, where there is one", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success");
  const { provider_reference: reference } = payment;
  assertEquals((await refundAtBank(app, user, reference)).status, 403);
  assertEquals((await refundAtBank(app, staff, "sandbox_none")).status, 404);
  assertEquals((await refundAtBank(app, staff, reference, 0)).status, 422);
  const { status, body } = await refundAtBank(app, staff, reference, TOTAL + 1);
  assertEquals([status, body.code, body.errors[0].pointer], [422, "refund_refused", "/amount"]);
  for (let i = 0; i < 2; i++) {
    assertEquals((await refundAtBank(app, staff, reference)).body.amount_refunded, TOTAL);
  }
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  await assertAllIsWell(app);
  await using without = await startPaidShop({ PAYMENT_SANDBOX: "false" });
  assertEquals((await refundAtBank(without.app, without.staff, reference)).status, 404);
});
