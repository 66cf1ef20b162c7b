import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { checkPayments } from "../../src/payments/jobs.ts";
import { type PaymentProvider, ProviderError } from "../../src/payments/providers/provider.ts";
import {
  beginCheck,
  endCapture,
  endCheck,
  findPayment,
  lockPayments,
  postponeCheck,
  updatePayments,
} from "../../src/payments/queries.ts";
import { transaction } from "../../src/platform/db.ts";
import { serveLanes } from "../../workers/lanes.ts";
import { guarded } from "../../src/payments/providers/providers.ts";
import type { TestApp } from "../support/app.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { assertBooksBalance, patch, place, read } from "../support/orders.ts";
import {
  assertBankAgrees,
  capture,
  DAY_MS,
  expire,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  payThrough,
  readPayment,
  sandboxOf,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import { until } from "../support/until.ts";

const MANUAL = { capture_method: "manual" };
const HOUR_MS = 60 * MINUTE_MS;

/** The bank does it, and its answer is lost. */
function loseAnswers(app: TestApp, verb: "capture" | "void", isDone = true): void {
  const sandbox = sandboxOf(app);
  const lost = async (input: never, signal: AbortSignal) => {
    if (isDone) {
      await (sandbox[verb] as (input: never, signal: AbortSignal) => Promise<unknown>)(input, signal);
    }
    throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
  };
  payThrough(app, { ...sandbox, [verb]: lost } as unknown as PaymentProvider);
}

async function letHoursGoBy(shop: PaidShop): Promise<void> {
  for (let i = 0; i < 8; i++) {
    await shop.pass(2 ** i * MINUTE_MS);
    await expire(shop.app);
    await sweep(shop.app);
    await letRetriesBeDue(shop.app);
    await letWorkerCatchUp(shop.app);
  }
}

/** The bank did let go of it: the next look finds that, and nothing of its order is reserved any more. */
async function assertVoidIsFound(shop: PaidShop, orderId: string, paymentId: string): Promise<void> {
  const { app, user } = shop;
  await shop.pass(5 * MINUTE_MS);
  await sweep(app);
  assertEquals((await readPayment(app, user, paymentId)).status, "voided");
  const { body } = await read(app, user, orderId);
  assertEquals([body.payment_status, body.amount_authorised], ["UNPAID", 0]);
}

Deno.test("Staff let go of a payment, and the bank's answer is lost: it is asked again, as the answer says", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  loseAnswers(app, "void");
  const { status, body } = await app.request("POST", `/v1/payments/${payment.id}/void`, {
    token: staff.token,
  });
  assertEquals([status, body.code], [503, "provider_unavailable"]);
  assert(/It will be asked again/.test(body.detail), body.detail);
  payThrough(app, sandboxOf(app));
  await letHoursGoBy(shop);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  const { body: after } = await read(app, user, order.id);
  assertEquals([after.payment_status, after.amount_authorised], ["UNPAID", 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A capture whose answer was lost, asked for again under its key, is not answered as if it had been done", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const ask = () =>
    app.request("POST", `/v1/payments/${payment.id}/captures`, {
      token: staff.token,
      headers: { "Idempotency-Key": "capture-1" },
    });
  loseAnswers(app, "capture", false);
  assertEquals((await ask()).status, 503);
  payThrough(app, sandboxOf(app));
  const again = await ask();
  assertEquals([again.status, again.body.amount_captured], [201, TOTAL]);
  // Another one that sent it, as the sweeper may, heard of no answer but that there is nothing left to capture.
  const [{ id }] = await app.deps.sql<[{ id: string }]>`select id from captures`;
  await endCapture(app.deps.sql, systemCtx(app.deps, "test"), id, "failed", "late");
  assertEquals((await ask()).status, 201);
});

Deno.test("What began to be in doubt about a payment stays so, whatever was asked before or is recorded at that moment", async () => {
  await using shop = await startPaidShop();
  const { app: { deps: { sql } }, checkOut, clock } = shop;
  const { payment: { id } } = await checkOut("tok_success", MANUAL);
  const stored = async () => (await findPayment(sql, id))!;
  const inMinutes = (minutes: number) => new Date(clock.at.getTime() + minutes * MINUTE_MS).toISOString();
  const begin = async (minutes: number) =>
    await beginCheck(sql, { ...await stored(), check_at: inMinutes(minutes) });
  await begin(1);
  const asked = await stored();
  await begin(5);
  await endCheck(sql, asked);
  assertEquals((await stored()).check_at, inMinutes(1), "it is asked about as early as it was to be");

  await endCheck(sql, await stored());
  await postponeCheck(sql, { ...asked, check_at: inMinutes(3) });
  assertEquals((await stored()).check_at, null);
  await begin(9);
  await endCheck(sql, asked);
  assertEquals((await stored()).check_at, inMinutes(9));
  await postponeCheck(sql, { ...asked, version: asked.version - 1, check_at: inMinutes(30) });
  assertEquals((await stored()).check_at, inMinutes(9), "something else was learnt of it meanwhile");

  await endCheck(sql, await stored());
  let beginning: Promise<void> | undefined;
  await transaction(sql, async (tx) => {
    const locked = await lockPayments(tx, [id]);
    beginning = begin(2);
    await untilWaiting(tx);
    await updatePayments(tx, locked);
  });
  await beginning;
  assertEquals((await stored()).check_at, inMinutes(2));
});

Deno.test("A capture that the bank refused is refused again under its key", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const ask = () =>
    app.request("POST", `/v1/payments/${payment.id}/captures`, {
      token: staff.token,
      headers: { "Idempotency-Key": "capture-1" },
    });
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    capture: () => Promise.reject(new ProviderError("refused", "not_now", "Not now.")),
  } as PaymentProvider);
  assertEquals((await ask()).status, 422);
  payThrough(app, sandbox);
  assertEquals((await ask()).status, 422);
});

Deno.test("An authorisation that has lapsed, as a refused capture shows, does not keep its customer from paying another way", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  await sandboxOf(app).void(
    { id: payment.id, reference: payment.provider_reference },
    new AbortController().signal,
  );
  assertEquals((await capture(app, staff, payment.id)).status, 409);
  await letWorkerCatchUp(app);
  assertEquals((await read(app, user, order.id)).body.payment_status, "UNPAID");
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
});

Deno.test("Nobody waits for ever for a 3-D Secure check of an order that staff recorded as paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds", MANUAL);
  const paid = await patch(app, staff, order.id, { status: "PAID" });
  if (paid.status === 409) return;
  await letHoursGoBy(shop);
  await shop.pass(30 * DAY_MS);
  await letHoursGoBy(shop);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  await assertBankAgrees(app);
});

Deno.test("What is reserved for a cancelled order is let go however long the bank does not answer", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  loseAnswers(app, "void", false);
  for (let i = 0; i < 15; i++) {
    await shop.pass(2 ** i * MINUTE_MS / 10);
    await sweep(app);
    await letRetriesBeDue(app);
    await letWorkerCatchUp(app);
  }
  payThrough(app, sandboxOf(app));
  await shop.pass(DAY_MS);
  await letHoursGoBy(shop);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
});

Deno.test("A cent that is reserved does not hold the stock of a whole order for a week", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const order =
    await place(app, user, { [sku]: 1000 }, { shipping_option: "standard" }).catch(() => undefined) ??
      await place(app, user, { [sku]: 50 }, { shipping_option: "standard" });
  // Nor does a check at the customer's bank that nobody may come back from.
  const rest = { amount: order.total_price - 1 };
  assertEquals((await tryToPay(app, user, order.id, "tok_3ds", rest)).body.status, "requires_action");
  const other = await place(app, user, { [sku]: 1 }, { shipping_option: "standard" });
  const reserve = async (id: string) =>
    (await tryToPay(app, user, id, "tok_success", { ...MANUAL, amount: 1 })).body;
  const [kept, cent] = [await reserve(order.id), await reserve(other.id)];
  assertEquals([kept.status, cent.status], ["authorised", "authorised"]);
  await shop.pass(10 * MINUTE_MS);
  await app.request("POST", `/v1/payments/${cent.id}/void`, { token: staff.token });
  assertEquals(
    (await read(app, user, other.id)).body.expires_at,
    other.expires_at,
    "nor does letting go of it",
  );
  await shop.pass(21 * MINUTE_MS);
  await sweep(app);
  await expire(app);
  assertEquals((await read(app, user, order.id)).body.status, "EXPIRED");
});

Deno.test("A bank debit that is under way keeps its order's stock for a week, and no longer than others once it has failed", async () => {
  await using shop = await startPaidShop();
  const { app, user, clock, checkOut, pass } = shop;
  const expiryOf = async (id: string) => Date.parse((await read(app, user, id)).body.expires_at);
  const [waiting, failing] = [await checkOut("tok_late"), await checkOut("tok_late")];
  const { order: shared } = await checkOut();
  for (const amount of [2000, shared.amount_due - 2000]) {
    assertEquals((await tryToPay(app, user, shared.id, "tok_late", { amount })).body.status, "processing");
  }
  assert(await expiryOf(shared.id) > clock.at.getTime() + 6 * DAY_MS, "two together pay for all of it");
  await pass(HOUR_MS);
  assertEquals(await expire(app), 0);
  await app.deps.sql`
    update sandbox_charges set status = 'failed' where reference = ${failing.payment.provider_reference}`;
  await sweep(app);
  assertEquals((await readPayment(app, user, failing.payment.id)).status, "failed");
  assertEquals(await expiryOf(failing.order.id), clock.at.getTime() + 30 * MINUTE_MS);
  assert(await expiryOf(waiting.order.id) > clock.at.getTime() + 6 * DAY_MS);
  await pass(HOUR_MS);
  assertEquals(await expire(app), 1);
  await pass(7 * DAY_MS);
  await sweep(app);
  assertEquals(await expire(app), 2);
  await sandboxOf(app).settle(waiting.payment.provider_reference);
  await letHoursGoBy(shop);
  assertEquals((await read(app, user, waiting.order.id)).body.payment_status, "REFUNDED");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A payment about which the bank does not answer is asked about less and less often", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { order } = await checkOut();
  await tryToPay(app, user, order.id, "tok_timeout_after_charge");
  let asked = 0;
  payThrough(app, {
    ...sandboxOf(app),
    find() {
      asked++;
      return Promise.reject(new ProviderError("unknown", "timeout", "late"));
    },
  });
  for (let minute = 1; minute <= 10; minute++) {
    await pass(MINUTE_MS);
    await sweep(app);
    await sweep(app);
  }
  assertEquals(asked, 4, "after 1, 2, 4 and 8 minutes");
});

Deno.test("A payment that was found before it was let go of, and the bank's answer is lost: it is asked again", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: payment } = await tryToPay(app, user, order.id, "tok_timeout_after_charge", MANUAL);
  assertEquals(payment.status, "created");
  const sandbox = sandboxOf(app);
  loseAnswers(app, "void");
  const { status } = await app.request("POST", `/v1/payments/${payment.id}/void`, { token: staff.token });
  assertEquals(status, 503);
  payThrough(app, sandbox);
  await letHoursGoBy(shop);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
});

Deno.test("What is recorded of a payment while the bank lets go of it, and its answer is lost, does not keep us from asking again", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds", MANUAL);
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    async void(input, signal) {
      await sandbox.confirmAction(payment.provider_reference, "success");
      const { body } = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
      assertEquals(body.status, "authorised");
      await sandbox.void(input, signal);
      throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
    },
  });
  const { status } = await app.request("POST", `/v1/payments/${payment.id}/void`, { token: user.token });
  assertEquals(status, 503);
  payThrough(app, sandbox);
  await assertVoidIsFound(shop, order.id, payment.id);
});

for (const asker of ["the customer", "the sweeper"]) {
  Deno.test(`What ${asker} was told before a void, and is recorded after the void's own answer was lost, ends no doubt`, async () => {
    await using shop = await startPaidShop();
    const { app, user, checkOut } = shop;
    const { order, payment } = await checkOut("tok_3ds", MANUAL);
    const sandbox = sandboxOf(app);
    await sandbox.confirmAction(payment.provider_reference, "success");
    const [asked, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    payThrough(app, {
      ...sandbox,
      async find(...of) {
        const found = await sandbox.find(...of);
        asked.resolve();
        await arrived.promise;
        return found;
      },
      async void(input, signal) {
        await sandbox.void(input, signal);
        throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
      },
    });
    await shop.pass(16 * MINUTE_MS);
    const change = (verb: string) =>
      app.request("POST", `/v1/payments/${payment.id}/${verb}`, { token: user.token });
    const answered = asker === "the sweeper" ? sweep(app) : change("refresh");
    await asked.promise;
    assertEquals((await change("void")).status, 503);
    arrived.resolve();
    await answered;
    assertEquals((await readPayment(app, user, payment.id)).status, "authorised");
    payThrough(app, sandbox);
    await assertVoidIsFound(shop, order.id, payment.id);
  });
}

const HALF = TOTAL / 2;
const HALVES: Record<"captured" | "reserved" | "on its way", { token: string; more?: object }> = {
  captured: { token: "tok_success" },
  reserved: { token: "tok_success", more: MANUAL },
  "on its way": { token: "tok_late" },
};

for (
  const [first, second] of [
    ["captured", "on its way"],
    ["on its way", "captured"],
    ["on its way", "on its way"],
    ["on its way", "reserved"],
    ["reserved", "captured"],
  ] as const
) {
  Deno.test(`An order of which one half is ${first}, and then the other ${second}, keeps its stock for a week`, async () => {
    await using shop = await startPaidShop();
    const { app, user, pass, checkOut } = shop;
    const { order } = await checkOut();
    for (const half of [first, second]) {
      const { token, more } = HALVES[half];
      const { status } = await tryToPay(app, user, order.id, token, { amount: HALF, ...more });
      assertEquals(status, 201);
    }
    await pass(6 * DAY_MS);
    assertEquals(await expire(app), 0);
    await pass(2 * DAY_MS);
    await sweep(app);
    assertEquals(await expire(app), 1);
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("A cent that is reserved does not hold a whole order's stock for a week once the debit of the rest has failed", async () => {
  await using shop = await startPaidShop();
  const { app, user, clock, checkOut, pass } = shop;
  const { order } = await checkOut();
  assertEquals((await tryToPay(app, user, order.id, "tok_success", { ...MANUAL, amount: 1 })).status, 201);
  const { body: debit } = await tryToPay(app, user, order.id, "tok_late");
  await pass(HOUR_MS);
  assertEquals(await expire(app), 0);
  await app.deps.sql`
    update sandbox_charges set status = 'failed' where reference = ${debit.provider_reference}`;
  await sweep(app);
  const { expires_at } = (await read(app, user, order.id)).body;
  assertEquals(Date.parse(expires_at), clock.at.getTime() + 30 * MINUTE_MS);
});

Deno.test("Who paid at their bank in time has bought, also where no worker was there to ask before the order's time was over", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const [paid, left] = [await checkOut("tok_3ds"), await checkOut("tok_3ds")];
  await sandboxOf(app).confirmAction(paid.payment.provider_reference, "success");
  await pass(45 * MINUTE_MS);
  assertEquals(await expire(app), 0, "nobody has asked the bank yet");
  await sweep(app);
  assertEquals(await expire(app), 1);
  const statusOf = async ({ order }: typeof paid) => (await read(app, user, order.id)).body.status;
  assertEquals([await statusOf(paid), await statusOf(left)], ["PAID", "EXPIRED"]);
  await assertBooksBalance(app.deps.sql);
});

/** A shop with eight payments in doubt, a bank that takes its time to say what became of each, and a worker that asks. */
async function openSlowBank() {
  const shop = await startPaidShop({ WORKER_LANES: "payments" });
  const { app, checkOut, pass } = shop;
  const { sql, jobs } = app.deps;
  for (let i = 0; i < 8; i++) await checkOut("tok_timeout_after_charge");
  await pass(5 * MINUTE_MS);
  const sandbox = sandboxOf(app);
  const slow: PaymentProvider = {
    ...sandbox,
    async find(asked, signal) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      return await sandbox.find(asked, signal);
    },
  };
  payThrough(app, guarded(slow));
  const boss = await jobs.openForWork(4, () => {});
  const lanes = await serveLanes(app.deps, boss);
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await lanes.stop();
    await boss.stop({ graceful: true, close: false });
  };
  return {
    shop,
    stop,
    beginRound: () => transaction(sql, (tx) => jobs.enqueue(tx, checkPayments, [{}])),
    async rounds() {
      return [
        ...await sql<{ state: string; retry_count: number }[]>`
          select state::text, retry_count from pgboss.job where name = ${checkPayments.name}`,
      ];
    },
    async inDoubt() {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::int as count from payments where check_at is not null`;
      return row!.count;
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await shop[Symbol.asyncDispose]();
    },
  };
}

Deno.test("A pile of payments in doubt that a round's time is not enough for is worked off by several, and none of them has failed", async () => {
  await using bank = await openSlowBank();
  const { shop, beginRound, rounds, inDoubt } = bank;
  const { sql } = shop.app.deps;
  const { policy } = checkPayments;
  const { timeLimit } = policy;
  policy.timeLimit = 2;
  await sql`update pgboss.queue set expire_seconds = ${policy.timeLimit} where name = ${checkPayments.name}`;
  try {
    for (let before = await inDoubt(); before > 0;) {
      await beginRound();
      await until(async () => {
        const all = await rounds();
        for (const { retry_count } of all) assertEquals(retry_count, 0);
        return all.every(({ state }) => state === "completed");
      }, "the round has ended");
      const left = await inDoubt();
      assert(left < before, `${left} of ${before} are left`);
      before = left;
      await shop.pass(5 * MINUTE_MS);
    }
  } finally {
    policy.timeLimit = timeLimit;
  }
  assert((await rounds()).length > 1);
  await assertBooksBalance(sql);
});

Deno.test("A worker that is told to stop in the middle of a pile stops, and leaves the rest to the next round", async () => {
  await using bank = await openSlowBank();
  const { beginRound, rounds, inDoubt, stop } = bank;
  await beginRound();
  await until(async () => await inDoubt() < 8, "it has begun");
  await stop();
  assertEquals(await rounds(), [{ state: "completed", retry_count: 0 }]);
  assert(await inDoubt() > 4);
});

/** From now on the bank does not answer, and is left alone after so many calls; gives how often it was asked. */
function beSilent(app: TestApp, failures: number): () => number {
  let asked = 0;
  const late = () => {
    asked++;
    return Promise.reject(new ProviderError("unknown", "timeout", "late"));
  };
  const silent: PaymentProvider = { ...sandboxOf(app), find: late, capture: late, void: late, refund: late };
  payThrough(app, guarded(silent, { breaker: { failures, openMs: HOUR_MS, successes: 1 } }));
  return () => asked;
}

Deno.test("What is due while a bank is left alone waits without an attempt, and is asked in the next round that its breaker lets through", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { order } = await checkOut("tok_success");
  const held: string[] = [];
  for (let i = 0; i < 3; i++) held.push((await checkOut("tok_success", MANUAL)).payment.id);
  const { order: unheard } = await checkOut();
  const { body: { id: lost } } = await tryToPay(app, user, unheard.id, "tok_timeout_after_charge");

  const asked = beSilent(app, 2);
  for (const id of held) assertEquals((await capture(app, staff, id)).status, 503);
  const refunds = [];
  for (let i = 0; i < 4; i++) {
    refunds.push((await tryToRefund(app, staff, order.id, { amount: 100 + i })).body);
  }
  assertEquals(refunds.map(({ status }) => status), Array(4).fill("pending"));
  assert(refunds.every(({ failure_message }) => failure_message.length > 0));
  assertEquals(asked(), 2 + 2);
  const counted = async () => {
    const { body } = await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token });
    const payments = await app.deps.sql<{ checks: number }[]>`
      select checks from payments where id = any(${[...held, lost]}::uuid[]) order by id`;
    return [
      body.data.map((refund: { attempts: number }) => refund.attempts),
      payments.map(({ checks }) => checks),
    ];
  };
  const before = await counted();
  assertEquals(before, [[1, 1, 0, 0], [1, 1, 1, 0]]);
  for (let hour = 0; hour < 12; hour++) {
    await pass(HOUR_MS);
    await sweep(app);
  }
  assertEquals(await counted(), before);
  assertEquals(asked(), 2 + 2);

  payThrough(app, sandboxOf(app));
  await pass(MINUTE_MS / 2);
  await sweep(app);
  const statuses = [];
  for (const id of [...held, lost]) statuses.push((await readPayment(app, user, id)).status);
  assertEquals(statuses, Array(4).fill("captured"));
  const { body: after } = await read(app, user, order.id);
  assertEquals(after.amount_refunded, 100 + 101 + 102 + 103);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A charge that was not sent, as its bank is left alone, has failed at once: the customer pays another way, and a repeat sends nothing", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const charge = () => Promise.reject(new ProviderError("unknown", "timeout", "late"));
  const silent = { ...sandboxOf(app), charge };
  payThrough(app, guarded(silent, { breaker: { failures: 1, openMs: HOUR_MS, successes: 1 } }));
  const { payment: unheard } = await checkOut("tok_success");
  assertEquals(unheard.status, "created");
  const { order, payment } = await checkOut("tok_success");
  assertEquals([order.status, payment.status, payment.failure_code], [
    "PENDING",
    "failed",
    "provider_unavailable",
  ]);
  const pay = (key: string) => tryToPay(app, user, order.id, "tok_success", {}, { "Idempotency-Key": key });
  assertEquals((await pay("first")).body.status, "failed");
  // One that may have been sent is still in the way of another.
  const again = await tryToPay(app, user, unheard.order_id);
  assertEquals(again.body.errors[0].payments[0].payment_id, unheard.id);

  payThrough(app, sandboxOf(app));
  assertEquals((await pay("first")).body.status, "failed");
  assertEquals((await pay("second")).body.status, "captured");
  await pass(MINUTE_MS);
  await sweep(app);
  const { status, failure_code } = await readPayment(app, user, payment.id);
  assertEquals([status, failure_code], ["failed", "provider_unavailable"]);
  const [{ asked }] = await app.deps.sql<[{ asked: number }]>`
    select count(*) as asked from payments where check_at is not null and status = 'failed'`;
  assertEquals(asked, 0);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A repeat of a charge that may have been sent does not say that it failed, though its bank is left alone by now", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const sandbox = sandboxOf(app);
  const lost: PaymentProvider["charge"] = async (input, signal) => {
    await sandbox.charge(input, signal);
    throw new ProviderError("unknown", "timeout", "late");
  };
  const options = { breaker: { failures: 1, openMs: HOUR_MS, successes: 1 } };
  payThrough(app, guarded({ ...sandbox, charge: lost }, options));
  const { order } = await checkOut();
  const pay = () => tryToPay(app, user, order.id, "tok_success", {}, { "Idempotency-Key": "once" });
  assertEquals((await pay()).body.status, "created");
  assertEquals((await pay()).body.status, "created");

  // Nor is it forgotten where the call that came first found its bank left alone, and one with the same key did not.
  const twin: PaymentProvider["charge"] = async (input, signal) => {
    await sandbox.charge(input, signal);
    throw new ProviderError("not_asked", "provider_unavailable", "left alone");
  };
  payThrough(app, { ...sandbox, charge: twin });
  const { payment } = await checkOut("tok_success");
  assertEquals(payment.status, "failed");
  await pass(MINUTE_MS);
  payThrough(app, sandbox);
  await sweep(app);
  assertEquals((await readPayment(app, user, payment.id)).status, "captured");
  assertEquals((await read(app, user, order.id)).body.payment_status, "PAID");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A pile that is due at a bank that is left alone holds up nothing that is due at another", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { sql } = app.deps;
  const { payment: captured } = await checkOut("tok_success");
  const { payment: held } = await checkOut("tok_success", MANUAL);
  const { order } = await checkOut();
  const { body: lost } = await tryToPay(app, user, order.id, "tok_timeout_after_charge");
  const { order: paid, payment: byOther } = await checkOut("tok_success");
  const asked = beSilent(app, 1);
  await capture(app, staff, held.id);
  await tryToRefund(app, staff, captured.order_id, { amount: 100 });
  assertEquals(asked(), 2);
  await tryToRefund(app, staff, paid.id, { amount: 200 });
  // More than a batch of each, and all of it due for longer.
  for (let i = 0; i < 60; i++) {
    await sql`
      insert into payments select (jsonb_populate_record(p, jsonb_build_object(
        'id', gen_random_uuid(), 'provider_reference', gen_random_uuid()::text, 'check_at', check_at - interval '1 hour'
      ))).* from payments p where id = ${held.id}`;
    await sql`
      insert into refunds select (jsonb_populate_record(r, jsonb_build_object(
        'id', gen_random_uuid(), 'next_attempt_at', next_attempt_at - interval '1 hour'
      ))).* from refunds r where payment_id = ${captured.id} limit 1`;
  }
  await sql`update payments set provider = 'other' where id = any(${[lost.id, byOther.id]}::uuid[])`;
  const left = app.deps.providers.byName.get("sandbox")!;
  app.deps.providers = {
    ...app.deps.providers,
    byName: new Map([["sandbox", left], ["other", sandboxOf(app)]]),
  };
  await pass(HOUR_MS);
  await sweep(app);
  assertEquals(asked(), 2);
  assertEquals((await readPayment(app, user, lost.id)).status, "captured");
  assertEquals((await readPayment(app, user, byOther.id)).amount_refunded, 200);
});
