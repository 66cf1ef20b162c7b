import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { TestApp, TestUser } from "../../support/app.ts";
import { assertBooksBalance, eventsOf, levelOf, patch, read } from "../../support/orders.ts";
import {
  assertBankAgrees,
  expire,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../../support/payments.ts";

/** Where an order's money stands: statuses, paid, refunded, due. */
async function standing(app: TestApp, user: TestUser, id: string) {
  const { body } = await read(app, user, id);
  const { status, payment_status, amount_paid, amount_refunded, amount_due } = body;
  return [status, payment_status, amount_paid, amount_refunded, amount_due];
}

interface Balance {
  account: string;
  balance: number;
}

/** The balances of an order's accounts, what was given back of revenue taken off it; without those of nothing. */
async function balances(app: TestApp, user: TestUser, id: string): Promise<Record<string, number>> {
  const { body } = await app.request("GET", `/v1/orders/${id}/ledger`, { token: user.token });
  const sums: Record<string, number> = {};
  for (const { account, balance } of body.balances as Balance[]) {
    const name = account === "refunds" ? "revenue" : account;
    sums[name] = (sums[name] ?? 0) + balance;
  }
  return Object.fromEntries(Object.entries(sums).filter(([, balance]) => balance !== 0));
}

const refundsOf = async (app: TestApp, user: TestUser, id: string) =>
  (await app.request("GET", `/v1/orders/${id}/refunds`, { token: user.token })).body.data;

/** An order of which 3000 are paid and 1000 of them refunded, and which is not due before half an hour. */
async function partlyRefunded({ app, user, staff, sku, checkOut }: PaidShop) {
  const { order } = await checkOut();
  const { body: payment } = await tryToPay(app, user, order.id, "tok_success", { amount: 3000 });
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000 })).body.status, "succeeded");
  assertEquals(await standing(app, user, order.id), [
    "PENDING",
    "PARTIALLY_PAID",
    3000,
    1000,
    TOTAL - 3000,
  ]);
  assertEquals((await levelOf(app, sku)).reserved, 3);
  return { order, payment };
}

for (
  const [status, what, reason, end] of [
    [
      "CANCELLED",
      "can be cancelled",
      "The order was cancelled",
      async ({ app, user }: PaidShop, id: string) => {
        assertEquals((await patch(app, user, id, { status: "CANCELLED" })).status, 200);
      },
    ],
    ["EXPIRED", "expires", "The order has expired", async ({ app, pass }: PaidShop) => {
      await pass(31 * MINUTE_MS);
      assertEquals(await expire(app), 1);
    }],
  ] as const
) {
  Deno.test(`An order that was half paid and partly refunded ${what}: its stock is free, and the rest of its money goes back by itself`, async () => {
    await using shop = await startPaidShop();
    const { app, user, sku } = shop;
    const { order, payment } = await partlyRefunded(shop);
    await end(shop, order.id);
    assertEquals((await levelOf(app, sku)).reserved, 0);
    assertEquals(await standing(app, user, order.id), [status, "PARTIALLY_REFUNDED", 3000, 1000, -2000]);
    assertEquals(await balances(app, user, order.id), { receivable: -2000, cash_at_provider: 2000 });
    const { body } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: user.token });
    // The refund took 682 of goods, 76 of shipping, 76 of duty and 166 of tax.
    assertEquals(
      body.transactions.at(-1).entries.map(({ account, debit, credit }: Record<string, unknown>) => [
        account,
        debit,
        credit,
      ]),
      [
        ["receivable", 0, TOTAL - 1000],
        ["revenue", 4497 - 682, 0],
        ["shipping", 500 - 76, 0],
        ["tax", 1099 - 166, 0],
        ["duty", 500 - 76, 0],
      ],
    );
    await assertBooksBalance(app.deps.sql);

    assertEquals((await letWorkerCatchUp(app)).failures, []);
    assertEquals(await standing(app, user, order.id), [status, "REFUNDED", 3000, 3000, 0]);
    assertEquals(await balances(app, user, order.id), {});
    const [, rest, ...others] = await refundsOf(app, user, order.id);
    assertEquals([rest.status, rest.amount, rest.payment_id, rest.reason], [
      "succeeded",
      2000,
      payment.id,
      reason,
    ]);
    assertEquals(others, []);
    assertEquals((await letWorkerCatchUp(app)).done, 0);
    await assertBankAgrees(app);
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("Of a partly refunded order that is cancelled the provider gives back no more than it still holds; what staff recorded is theirs", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { order } = await partlyRefunded(shop);
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  assertEquals(await standing(app, user, order.id), ["PAID", "PARTIALLY_REFUNDED", TOTAL, 1000, 0]);
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const recorded = TOTAL - 3000;
  assertEquals(await standing(app, user, order.id), [
    "CANCELLED",
    "PARTIALLY_REFUNDED",
    TOTAL,
    3000,
    -recorded,
  ]);
  const last = await tryToRefund(app, staff, order.id);
  assertEquals([last.body.status, last.body.amount, last.body.goods_amount], ["succeeded", recorded, 0]);
  assertEquals(await standing(app, user, order.id), ["CANCELLED", "REFUNDED", TOTAL, TOTAL, 0]);
  assertEquals(await balances(app, user, order.id), {});
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that ends after its order was cancelled takes nothing off the sale any more, and refund, event and ledger say so alike", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut, pass } = shop;
  const { order } = await checkOut("tok_refund_fails");
  const items = [{ line: 1, quantity: 1 }];
  const { body: begun } = await tryToRefund(app, staff, order.id, { items });
  assertEquals([begun.status, begun.amount, begun.goods_amount], ["pending", 1999, 1499]);
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  for (let attempt = 2; attempt <= 3; attempt++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  const [refund] = await refundsOf(app, user, order.id);
  const { id, status, amount, goods_amount, shipping_amount, duty_amount, tax_amount } = refund;
  assertEquals([id, status, amount, refund.items], [begun.id, "succeeded", 1999, [{
    line: 1,
    sku,
    quantity: 1,
  }]]);
  assertEquals([goods_amount, shipping_amount, duty_amount, tax_amount], [0, 0, 0, 0]);
  assertEquals((await eventsOf(app, "refund", id)).at(-1)!.data, refund);
  const { body: books } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: user.token });
  const booked = books.transactions.find(({ refund_id }: { refund_id: string }) => refund_id === id);
  assertEquals(booked.entries, [
    { account: "receivable", debit: 1999, credit: 0 },
    { account: "cash_at_provider", debit: 0, credit: 1999 },
  ]);
  await assertBooksBalance(app.deps.sql);
});

const percent = fc.integer({ min: 1, max: 100 });
/** What happens to an order before its end. */
const steps = fc.array(
  fc.oneof(
    fc.record({ pay: percent }),
    fc.record({ refund: percent }),
    fc.record({ unitWithShipping: fc.boolean() }),
  ),
  { minLength: 1, maxLength: 6 },
);
const lives = fc.record({ steps, underWay: fc.boolean(), mayExpire: fc.boolean() });

/** Asks for a refund that the bank does not answer to before it is asked again. */
async function refundUnanswered({ app, staff }: PaidShop, id: string): Promise<void> {
  const { sql } = app.deps;
  await sql`update sandbox_charges set payment_method = 'tok_refund_fails'`;
  assertEquals((await tryToRefund(app, staff, id, { amount: 1 })).body.status, "pending");
  await sql`update sandbox_charges set payment_method = 'tok_success'`;
}

Deno.test("For all payments, refunds and ends of an order: its sale is taken back account by account, and its customer has it all back", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut, pass } = shop;
  const ended: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(lives, async ({ steps, underWay, mayExpire }) => {
      const { order: { id } } = await checkOut();
      for (const step of steps) {
        const { body: { amount_due, amount_paid, amount_refunded } } = await read(app, user, id);
        if ("pay" in step) {
          const amount = Math.ceil(amount_due * step.pay / 100);
          if (amount > 0) await tryToPay(app, user, id, "tok_success", { amount });
        } else if ("refund" in step) {
          const amount = Math.ceil((amount_paid - amount_refunded) * step.refund / 100);
          if (amount > 0) await tryToRefund(app, staff, id, { amount });
        } else {
          const items = [{ line: 1, quantity: 1 }];
          await tryToRefund(app, staff, id, { items, include_shipping: step.unitWithShipping });
        }
      }
      const { body: before } = await read(app, user, id);
      const held = before.amount_paid - before.amount_refunded;
      if (underWay && held > 0) await refundUnanswered(shop, id);
      const expires = mayExpire && before.status === "PENDING";
      if (expires) {
        await pass(31 * MINUTE_MS);
        assertEquals(await expire(app), 1);
      } else if (before.status !== "REFUNDED") {
        assertEquals((await patch(app, staff, id, { status: "CANCELLED" })).status, 200);
      }
      assertEquals((await levelOf(app, sku)).reserved, 0);
      if (before.status === "REFUNDED") return;
      assertEquals(
        await balances(app, user, id),
        held > 0 ? { receivable: -held, cash_at_provider: held } : {},
      );
      assertEquals((await letWorkerCatchUp(app)).failures, []);
      await pass(5 * MINUTE_MS);
      await sweep(app);
      const { amount_paid: paid, amount_refunded } = before;
      const end = expires ? "EXPIRED" : "CANCELLED";
      assertEquals(await standing(app, user, id), [end, paid > 0 ? "REFUNDED" : "UNPAID", paid, paid, 0]);
      assertEquals(await balances(app, user, id), {});
      const how = `${end} ${amount_refunded > 0 ? "refunded" : "whole"}`;
      ended[how] = (ended[how] ?? 0) + 1;
    }),
    { numRuns: 60 },
  );
  assertEquals(Object.keys(ended).sort(), [
    "CANCELLED refunded",
    "CANCELLED whole",
    "EXPIRED refunded",
    "EXPIRED whole",
  ]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
