import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { workOnWebhook } from "../../src/payments/mod.ts";
import type { TestApp } from "../support/app.ts";
import { quoted, tryCheckOut } from "../support/checkout.ts";
import {
  assertBooksBalance,
  eventsOf,
  levelOf,
  patch,
  place,
  read,
  startAnother,
  tally,
} from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  capture,
  expire,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  postWebhook,
  readPayment,
  sandboxOf,
  startPaidShop,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";

/** A thousand rounds in all: 200 checkouts, 50 refunds, and 250 each of three races between two. */
const CHECKOUTS = 200;
const REFUNDS = 50;
const WAVES = 10;
const AT_ONCE = 25;

/** One unit at 14.99 EUR to Berlin, 5.00 of shipping, and 20 % VAT on both. */
const ORDER_TOTAL = 2399;

/** So many orders of one unit, placed at once. */
async function placeWave({ app, user, sku }: PaidShop): Promise<string[]> {
  const orders = await Promise.all(
    Array.from({ length: AT_ONCE }, () => place(app, user, { [sku]: 1 }, { shipping_option: "standard" })),
  );
  return orders.map(({ id }) => id);
}

/** The first of these, in each wave more, so that what begins then meets them at another point of their way. */
async function someOf(answers: Promise<unknown>[], wave: number): Promise<void> {
  await Promise.all(answers.slice(0, Math.floor(answers.length * wave / WAVES)));
}

/** Lets the worker come to an end with everything, also with what it failed at first. */
async function settle(app: TestApp): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await letWorkerCatchUp(app);
    await letRetriesBeDue(app);
  }
  assertEquals(await letWorkerCatchUp(app), { done: 0, failures: [] });
}

async function assertAllIsWell(app: TestApp): Promise<void> {
  await settle(app);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
}

const isServerError = (kind: string) => kind.startsWith("5");

Deno.test(`${CHECKOUTS} checkouts of one quote at once make one order and one charge`, async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  await using other = await startAnother(app);
  const { quote } = await quoted(app, user, { [sku]: 3 });
  const payment = { payment: { provider: "sandbox", payment_method: "tok_success" } };
  const answers = await Promise.all(
    Array.from({ length: CHECKOUTS }, (_, i) =>
      // A quarter each: the same key, keys of their own, none at all, and the same key of another device.
      tryCheckOut(i % 2 ? app : other, user, quote, payment, ["one", undefined, `own-${i}`, "two"][i % 4])),
  );
  const kinds = tally(answers);
  assertEquals(
    Object.keys(kinds).filter((kind) =>
      !["201", "409 quote_not_open", "409 idempotency_in_progress"].includes(kind)
    ),
    [],
    JSON.stringify(kinds),
  );
  const orders = new Set(answers.flatMap(({ status, body }) => status === 201 ? [body.order.id] : []));
  assertEquals(orders.size, 1);
  const used = answers.filter(({ body }) => body.code === "quote_not_open");
  assertEquals(
    new Set(used.map(({ body }) => body.errors[0].order_id)),
    orders,
    "each says which order used it",
  );
  const [charges] = await app.deps
    .sql`select count(*) as n, sum(amount_captured)::bigint as sum from sandbox_charges`;
  assertEquals([charges!.n, charges!.sum], [1, TOTAL]);
  assertEquals((await levelOf(app, sku)).reserved, 3);
  await assertAllIsWell(app);
});

Deno.test(`In ${WAVES * AT_ONCE} races of a payment with its order's end in time, the order is paid or the money goes back`, async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  await using other = await startAnother(app);
  const ends: Record<string, number> = {};
  let placed = 0;
  for (let wave = 0; wave < WAVES; wave++) {
    const ids = await placeWave(shop);
    await shop.pass(31 * MINUTE_MS);
    const paying = ids.map((id, i) => tryToPay(i % 2 ? app : other, user, id));
    await someOf(paying, wave);
    await Promise.all([...paying, expire(app), expire(other), expire(app)]);
    await expire(app);
    await settle(app);
    for (const id of ids) {
      const { body } = await read(app, user, id);
      const end = `${body.status} ${body.payment_status} ${body.amount_due}`;
      ends[end] = (ends[end] ?? 0) + 1;
      if (body.status === "PAID") placed++;
    }
  }
  const expected = ["EXPIRED REFUNDED 0", "EXPIRED UNPAID 0", "PAID PAID 0"];
  assertEquals(Object.keys(ends).filter((end) => !expected.includes(end)), [], JSON.stringify(ends));
  assertEquals((await levelOf(app, sku)).reserved, placed);
  await assertAllIsWell(app);
});

Deno.test(`In ${WAVES * AT_ONCE} races of a capture with a cancellation, the order is paid or what was reserved is let go`, async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  await using other = await startAnother(app);
  const ends: Record<string, number> = {};
  for (let wave = 0; wave < WAVES; wave++) {
    const ids = await placeWave(shop);
    const payments = await Promise.all(
      ids.map((id) => tryToPay(app, user, id, "tok_success", { capture_method: "manual" })),
    );
    const capturing = ids.map((_, i) => capture(i % 2 ? app : other, staff, payments[i]!.body.id));
    await someOf(capturing, wave);
    const cancelling = ids.map((id, i) =>
      patch(i % 2 ? other : app, i % 3 ? user : staff, id, { status: "CANCELLED" })
    );
    const answers = await Promise.all([...capturing, ...cancelling]);
    assertEquals(Object.keys(tally(answers)).filter(isServerError), []);
    await settle(app);
    for (const [i, id] of ids.entries()) {
      const { body } = await read(app, user, id);
      const payment = await readPayment(app, user, payments[i]!.body.id);
      const money = payment.amount_captured - payment.amount_refunded;
      const end = `${body.status} ${payment.status} ${money} ${body.amount_authorised} ${body.amount_due}`;
      ends[end] = (ends[end] ?? 0) + 1;
    }
  }
  const expected = ["CANCELLED captured 0 0 0", "CANCELLED voided 0 0 0", `PAID captured ${ORDER_TOTAL} 0 0`];
  assertEquals(Object.keys(ends).filter((end) => !expected.includes(end)), [], JSON.stringify(ends));
  await assertAllIsWell(app);
});

Deno.test(`In ${WAVES * AT_ONCE} races of the bank's webhook with the customer's return, the money comes in once`, async () => {
  await using shop = await startPaidShop();
  const { app, user } = shop;
  await using other = await startAnother(app);
  const sandbox = sandboxOf(app);
  for (let wave = 0; wave < WAVES; wave++) {
    const ids = await placeWave(shop);
    const payments = (await Promise.all(ids.map((id) => tryToPay(app, user, id, "tok_3ds")))).map((
      { body },
    ) => body);
    await Promise.all(payments.map(async ({ id, provider_reference: reference }, i) => {
      const event = `evt_${wave}_${i}`;
      await sandbox.confirmAction(reference, "success");
      const message = bankMessage(app, reference, event);
      const refresh = (at: TestApp) =>
        at.request("POST", `/v1/payments/${id}/refresh`, { token: user.token });
      const answers = await Promise.all([
        refresh(app),
        postWebhook(app, message).then(async (answer) => {
          await workOnWebhook(systemCtx(other.deps, "test"), "sandbox", event);
          return answer;
        }),
        refresh(other),
        postWebhook(app, message),
      ]);
      assertEquals(answers.map(({ status }) => status), [200, 200, 200, 200]);
    }));
    for (const { id } of payments) {
      const events = await eventsOf(app, "payment", id);
      assertEquals(events.map(({ type }) => type), [
        "payment.created",
        "payment.updated",
        "payment.captured",
      ]);
    }
  }
  const [open] = await app.deps
    .sql`select count(*) as n from orders where payment_status <> 'PAID' or amount_due <> 0`;
  assertEquals(open!.n, 0);
  await assertAllIsWell(app);
});

Deno.test(`${REFUNDS} refunds of one order at once never give back more than was captured`, async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await using other = await startAnother(app);
  const { order, payment } = await checkOut("tok_success");
  const answers = await Promise.all(
    Array.from({ length: REFUNDS }, (_, i) =>
      tryToRefund(
        i % 2 ? app : other,
        staff,
        order.id,
        i % 10 === 0
          ? { items: [{ line: 1, quantity: 1 }], include_shipping: true }
          : { amount: 100 + 7 * i },
      )),
  );
  const kinds = tally(answers);
  assertEquals(Object.keys(kinds).filter((kind) => kind !== "201" && kind !== "422 refund_refused"), []);
  assert(kinds["201"]! > 5 && kinds["422 refund_refused"]! > 5, JSON.stringify(kinds));
  const given = answers.reduce((sum, { status, body }) => sum + (status === 201 ? body.amount : 0), 0);
  const after = await readPayment(app, user, payment.id);
  assertEquals([after.amount_refunding, after.amount_refunded], [0, given]);
  assert(given <= TOTAL);
  await assertAllIsWell(app);
});
