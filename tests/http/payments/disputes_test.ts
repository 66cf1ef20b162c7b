import { assert, assertEquals } from "@std/assert";
import { verifyBooks } from "../../../src/admin/mod.ts";
import { systemCtx } from "../../../src/deps.ts";
import { settleMoney } from "../../../src/payments/mod.ts";
import type { DisputeState } from "../../../src/payments/providers/provider.ts";
import { newId } from "../../../src/platform/id.ts";
import type { TestApp } from "../../support/app.ts";
import { assertBooksBalance, deliver, patch, read, typesOf } from "../../support/orders.ts";
import {
  assertAllIsWell,
  bankMessage,
  DAY_MS,
  disputeAtBank,
  letItEnd,
  letWorkerCatchUp,
  type PaidShop,
  payThrough,
  postWebhook,
  readPayment,
  refundAtBank,
  refundsOf,
  sandboxOf,
  standing,
  startPaidShop,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../../support/payments.ts";
import { doOutsideJobs } from "../../support/worker.ts";
import { ask, change, receive, refund } from "../returns/support.ts";

/** The bank has a dispute of this payment's charge, and the worker has heard of it. */
async function disputed({ app, staff }: PaidShop, reference: string, status: string, amount?: number) {
  const answer = await disputeAtBank(app, staff, reference, {
    status,
    ...amount !== undefined && { amount },
  });
  assertEquals(answer.status, 200, JSON.stringify(answer.body));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
}

async function listDisputes({ app, staff }: PaidShop, query: Record<string, string> = {}) {
  const { status, body } = await app.request("GET", `/v1/disputes?${new URLSearchParams(query)}`, {
    token: staff.token,
  });
  assertEquals(status, 200, JSON.stringify(body));
  return body.data;
}

/** What the books of an order have on these accounts. */
async function balancesOf({ app, staff }: PaidShop, orderId: string) {
  const { body } = await app.request("GET", `/v1/orders/${orderId}/ledger`, { token: staff.token });
  const of = (name: string) =>
    body.balances.find(({ account }: { account: string }) => account === name)?.balance ?? 0;
  return { cash: of("cash_at_provider"), disputed: of("disputed"), receivable: of("receivable") };
}

Deno.test("While a bank holds disputed money, staff see until when it takes evidence, and none of it can be refunded", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, clock, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputed(shop, payment.provider_reference, "needs_response", 1000);
  const [dispute, ...more] = await listDisputes(shop, { order_id: order.id });
  assertEquals(more, []);
  assertEquals(
    [
      dispute.payment_id,
      dispute.status,
      dispute.amount,
      dispute.currency,
      dispute.reason,
      dispute.evidence_due_by,
    ],
    [
      payment.id,
      "needs_response",
      1000,
      "EUR",
      "fraudulent",
      new Date(clock.at.getTime() + 7 * DAY_MS).toISOString(),
    ],
  );
  assertEquals((await readPayment(app, user, payment.id)).amount_disputed, 1000);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PAID", 0, 0]);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 1000, disputed: 1000, receivable: 0 });
  const all = await tryToRefund(app, staff, order.id, { amount: TOTAL });
  assertEquals([all.status, all.body.code], [422, "refund_refused"]);
  assertEquals(all.body.errors[0], {
    pointer: "/amount",
    code: "more_than_refundable",
    message: `At most ${
      TOTAL - 1000
    } can be refunded, besides 1000 that the customer's bank holds in a dispute.`,
    refundable: TOTAL - 1000,
    disputed: 1000,
  });
  const rest = await tryToRefund(app, staff, order.id, { amount: TOTAL - 1000 });
  assertEquals([rest.status, rest.body.status], [201, "succeeded"]);
  const none = await tryToRefund(app, staff, order.id);
  assertEquals([none.status, none.body.errors[0].code, none.body.errors[0].disputed], [
    422,
    "nothing_paid",
    1000,
  ]);
  assertEquals(await typesOf(app, "dispute", dispute.id), ["dispute.created"]);
  await assertAllIsWell(shop.app);
});

Deno.test("Money of a dispute that is won is back: it can be refunded, and the books have it as before", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  for (const status of ["inquiry", "needs_response", "under_review", "won"]) {
    await disputed(shop, payment.provider_reference, status);
    const held = status === "needs_response" || status === "under_review" ? TOTAL : 0;
    assertEquals((await readPayment(app, user, payment.id)).amount_disputed, held, status);
    assertEquals(
      await balancesOf(shop, order.id),
      { cash: TOTAL - held, disputed: held, receivable: 0 },
      status,
    );
  }
  const [dispute] = await listDisputes(shop, { status: "won" });
  assertEquals(await typesOf(app, "dispute", dispute.id), [
    "dispute.created",
    "dispute.updated",
    "dispute.updated",
    "dispute.closed",
  ]);
  assertEquals(dispute.version, 4);
  assertEquals((await refundsOf(app, order.id)).length, 0);
  await refundAtBank(app, staff, payment.provider_reference, 500);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  assertEquals(
    (await refundsOf(app, order.id)).map((each) => [each.status, each.amount, each.dispute_id]),
    [["succeeded", 500, null], ["succeeded", TOTAL - 500, null]],
  );
  await assertAllIsWell(shop.app);
});

Deno.test("A lost dispute is booked as a refund: the order's money is gone, its stock is free, and no mail says that we sent it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputed(shop, payment.provider_reference, "under_review");
  await disputed(shop, payment.provider_reference, "lost");
  const [dispute] = await listDisputes(shop, { payment_id: payment.id });
  const [refund = assert(false), ...more] = await refundsOf(app, order.id);
  assertEquals(more, []);
  assertEquals(
    [refund.status, refund.amount, refund.dispute_id, refund.reason, refund.manual, refund.payment_id],
    ["succeeded", TOTAL, dispute.id, "Lost in a dispute", false, payment.id],
  );
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  const after = await readPayment(app, user, payment.id);
  assertEquals([after.amount_disputed, after.amount_refunding, after.amount_refunded], [0, 0, TOTAL]);
  assertEquals(await balancesOf(shop, order.id), { cash: 0, disputed: 0, receivable: 0 });
  const { body: level } = await app.request("GET", `/v1/inventory/${sku}`, { token: staff.token });
  assertEquals(level.reserved, 0);
  assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.succeeded"]);
  await doOutsideJobs(app.deps, "notifications.send");
  const mails = await app.deps.sql`select from notifications where template = 'refund_sent'`;
  assertEquals(mails.length, 0);
  await assertAllIsWell(shop.app);
});

Deno.test("Of an order with a part lost in a dispute the rest is still there, and so is that of a dispute that nobody saw open", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputed(shop, payment.provider_reference, "lost", 2000);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 2000, 0]);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 2000, disputed: 0, receivable: 0 });
  const { status, body } = await tryToRefund(app, staff, order.id);
  assertEquals([status, body.status, body.amount], [201, "succeeded", TOTAL - 2000]);
  await assertAllIsWell(shop.app);
});

Deno.test("An inquiry takes no money: the payment can be refunded while the bank only asks", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputed(shop, payment.provider_reference, "inquiry");
  const { status, body } = await tryToRefund(app, staff, order.id);
  assertEquals([status, body.status], [201, "succeeded"]);
  for (const gone of ["needs_response", "lost"]) {
    const refused = await disputeAtBank(app, staff, payment.provider_reference, { status: gone });
    assertEquals([refused.status, refused.body.errors[0].code], [422, "dispute_not_possible"], gone);
  }
  await disputed(shop, payment.provider_reference, "closed");
  const [dispute] = await listDisputes(shop);
  assertEquals([dispute.status, await typesOf(app, "dispute", dispute.id)], [
    "closed",
    ["dispute.created", "dispute.closed"],
  ]);
  await assertAllIsWell(shop.app);
});

/** From now on the bank says of its charges that these are their disputes, whatever it knows itself. */
function sayDisputes(app: TestApp, disputes: DisputeState[], amountRefunded: number) {
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    find: async (payment) => {
      const state = await sandbox.find(payment);
      return state && { ...state, amountRefunded, disputes };
    },
  });
}

Deno.test("However often, late, or many at a time it is told, what was lost is booked once, and nothing decided opens again", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const dispute = { reference: "dp_1", amount: 1500, reason: "fraudulent" };
  const tell = async (status: DisputeState["status"], refunded: number) => {
    sayDisputes(app, [{ ...dispute, status }], refunded);
    const answers = await Promise.all(
      Array.from(
        { length: 8 },
        () => app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token }),
      ),
    );
    assertEquals(new Set(answers.map(({ status }) => status)), new Set([200]));
    await postWebhook(app, bankMessage(app, payment.provider_reference));
    assertEquals((await letWorkerCatchUp(app)).failures, []);
  };
  await tell("under_review", 0);
  await tell("needs_response", 0);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 1500, disputed: 1500, receivable: 0 });
  const [open] = await listDisputes(shop);
  assertEquals([open.status, open.version], ["under_review", 1]);
  await tell("lost", 1500);
  await tell("under_review", 0);
  await tell("won", 1500);
  await tell("lost", 1500);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 1500, disputed: 0, receivable: 0 });
  const [lost] = await listDisputes(shop);
  assertEquals([lost.status, lost.version], ["lost", 2]);
  const refunds = await refundsOf(app, order.id);
  assertEquals(refunds.map(({ amount, dispute_id }) => [amount, dispute_id]), [[1500, lost.id]]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Two disputes of a payment and a refund in the provider's dashboard, told at once, are booked each as what it is", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  sayDisputes(app, [
    { reference: "dp_1", status: "lost", amount: 1000, reason: "fraudulent" },
    { reference: "dp_2", status: "lost", amount: 500, reason: "duplicate" },
    { reference: "dp_3", status: "needs_response", amount: 300, reason: "general" },
  ], 1700);
  await postWebhook(app, bankMessage(app, payment.provider_reference));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const disputes = new Map((await listDisputes(shop)).map((each: { id: string }) => [each.id, each]));
  const refunds = await refundsOf(app, order.id);
  const referenceOf = (id: string) =>
    (disputes.get(id) as { provider_reference: string })?.provider_reference;
  assertEquals(refunds.map(({ amount, dispute_id }) => [amount, referenceOf(dispute_id)]), [
    [1000, "dp_1"],
    [500, "dp_2"],
    [200, undefined],
  ]);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 2000, disputed: 300, receivable: 0 });
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PARTIALLY_REFUNDED", 1700, 0]);
  sayDisputes(app, [
    { reference: "dp_3", status: "lost", amount: 300, reason: "general" },
    { reference: "dp_2", status: "lost", amount: 500, reason: "duplicate" },
    { reference: "dp_1", status: "lost", amount: 1000, reason: "fraudulent" },
  ], 2000);
  await postWebhook(app, bankMessage(app, payment.provider_reference));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 2000, disputed: 0, receivable: 0 });
  const last = (await refundsOf(app, order.id)).at(-1)!;
  assertEquals([last.amount, referenceOf(last.dispute_id)], [300, "dp_3"]);
  const statuses = (await listDisputes(shop)).map((each: Record<string, unknown>) => [
    each.provider_reference,
    each.status,
    each.version,
  ]);
  assertEquals(statuses, [["dp_3", "lost", 2], ["dp_2", "lost", 1], ["dp_1", "lost", 1]]);
  const types = (await listDisputes(shop)).map(({ id }: { id: string }) => typesOf(app, "dispute", id));
  assertEquals(await Promise.all(types), [
    ["dispute.created", "dispute.closed"],
    ["dispute.closed"],
    ["dispute.closed"],
  ], "of what was decided before we heard of it only the end is told");
  await assertBooksBalance(app.deps.sql);
});

for (const end of ["won", "lost"] as const) {
  Deno.test(`An order that is cancelled while its money is in dispute waits for the bank: ${end}, its customer has it once`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff, clock, checkOut } = shop;
    const { order, payment } = await checkOut("tok_success");
    await disputed(shop, payment.provider_reference, "needs_response");
    assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    await settleMoney(systemCtx(app.deps, "payments.settle_order"), order.id);
    assertEquals((await refundsOf(app, order.id)).length, 0);
    assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "PAID", 0, -TOTAL]);
    await assertBooksBalance(app.deps.sql);
    const { invariants } = await verifyBooks(app.deps.sql, new Date(clock.at.getTime() + DAY_MS));
    assertEquals(invariants.filter(({ name, breaks }) => name === "no_order_owes_money" && breaks > 0), []);
    await disputed(shop, payment.provider_reference, end);
    const refunds = await refundsOf(app, order.id);
    assertEquals(refunds.map(({ amount, status, reason }) => [amount, status, reason]), [
      [TOTAL, "succeeded", end === "won" ? "The order was cancelled" : "Lost in a dispute"],
    ]);
    assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
    await assertAllIsWell(shop.app);
  });
}

Deno.test("What is lost while a refund of it waits is booked once, when the bank has refused the refund", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  const { body: refund } = await tryToRefund(app, staff, order.id);
  assertEquals(refund.status, "pending");
  await disputed(shop, payment.provider_reference, "lost");
  const [dispute] = await listDisputes(shop);
  assertEquals([dispute.status, (await refundsOf(app, order.id)).length], ["lost", 1]);
  await letItEnd(shop);
  const refunds = await refundsOf(app, order.id);
  assertEquals(refunds.map(({ amount, status, dispute_id }) => [amount, status, dispute_id]), [
    [TOTAL, "failed", null],
    [TOTAL, "succeeded", dispute.id],
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertAllIsWell(shop.app);
});

Deno.test("Of an order with two payments the one in dispute gives nothing back, and the other all that it has", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: first } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000 });
  const { body: second } = await tryToPay(app, user, order.id);
  await disputed(shop, second.provider_reference, "needs_response");
  const { status, body } = await tryToRefund(app, staff, order.id);
  assertEquals([status, body.amount, body.payment_id, body.status], [201, 2000, first.id, "succeeded"]);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1 })).status, 422);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1, manual: true })).status, 422);
  await assertAllIsWell(shop.app);
});

/** The bank's dispute goes on, and it has not told of it yet. */
async function disputedSilently({ app, clock }: PaidShop, reference: string, status: DisputeState["status"]) {
  assertEquals((await sandboxOf(app).dispute(reference, { status }, clock.at))?.status, status);
}

Deno.test("A customer whose coming back makes a dispute found sees it in the order's books, and is not said to have done it", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputedSilently(shop, payment.provider_reference, "needs_response");
  const { status, body } = await app.request("POST", `/v1/payments/${payment.id}/refresh`, {
    token: user.token,
  });
  assertEquals([status, body.amount_disputed], [200, TOTAL]);
  const [{ id }] = await listDisputes(shop);
  const { body: ledger } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: user.token });
  const { kind, actor, dispute_id, entries } = ledger.transactions.at(-1);
  assertEquals([kind, actor, dispute_id, entries], ["dispute", "system", id, [
    { account: "cash_at_provider", debit: 0, credit: TOTAL },
    { account: "disputed", debit: TOTAL, credit: 0 },
  ]]);
  await assertAllIsWell(shop.app);
});

Deno.test("What was lost is booked as lost, and gone for staff too, also while another refund of the payment is under way", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  const { body: pending } = await tryToRefund(app, staff, order.id, { amount: 3000 });
  assertEquals(pending.status, "pending");
  await disputed(shop, payment.provider_reference, "lost");
  const [dispute] = await listDisputes(shop);
  const lost = ["succeeded", TOTAL - 3000, dispute.id, "Lost in a dispute"];
  const refundsNow = async () =>
    (await refundsOf(app, order.id)).map((each) => [each.status, each.amount, each.dispute_id, each.reason]);
  assertEquals(await refundsNow(), [["pending", 3000, null, pending.reason], lost]);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1, manual: true })).status, 422);
  await letItEnd(shop);
  assertEquals(await refundsNow(), [["failed", 3000, null, pending.reason], lost, [
    "succeeded",
    3000,
    dispute.id,
    "Lost in a dispute",
  ]]);
  await doOutsideJobs(app.deps, "notifications.send");
  const mails = await app.deps.sql`select from notifications where template = 'refund_sent'`;
  assertEquals(mails.length, 0);
  await assertAllIsWell(shop.app);
});

Deno.test("What a provider says anew of an open dispute is what staff read, and what the payment and its books have", async () => {
  await using shop = await startPaidShop();
  const { app, user, clock, pass, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const first = { reference: "dp_1", status: "needs_response", amount: 1500, reason: "general" } as const;
  const evidenceDueBy = "2026-12-01T00:00:00.000Z";
  const tell = async (dispute: DisputeState) => {
    sayDisputes(app, [dispute], 0);
    await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
    const [{ amount, reason, evidence_due_by, version, created_at, updated_at }] = await listDisputes(shop);
    return [amount, reason, evidence_due_by, version, created_at, updated_at];
  };
  const opened = clock.at.toISOString();
  assertEquals(await tell(first), [1500, "general", null, 1, opened, opened]);
  await pass(DAY_MS);
  const now = clock.at.toISOString();
  const next = { ...first, amount: 1200, reason: "duplicate", evidenceDueBy };
  assertEquals(await tell(next), [1200, "duplicate", evidenceDueBy, 2, opened, now]);
  assertEquals((await readPayment(app, user, payment.id)).amount_disputed, 1200);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 1200, disputed: 1200, receivable: 0 });
  await assertAllIsWell(shop.app);
});

Deno.test("A dispute goes its way beside a refund of the same payment that is under way, and both are booked once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_fails");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 3000 })).body.status, "pending");
  await disputed(shop, payment.provider_reference, "needs_response", 1000);
  const open = await readPayment(app, user, payment.id);
  assertEquals([open.amount_disputed, open.amount_refunding, open.amount_refunded], [1000, 3000, 0]);
  await disputed(shop, payment.provider_reference, "lost");
  const lost = await readPayment(app, user, payment.id);
  assertEquals([lost.amount_disputed, lost.amount_refunding, lost.amount_refunded], [0, 3000, 1000]);
  await letItEnd(shop);
  assertEquals(
    (await refundsOf(app, order.id)).map((each) => [each.status, each.amount, each.dispute_id !== null]),
    [["succeeded", 3000, false], ["succeeded", 1000, true]],
  );
  await assertAllIsWell(shop.app);
});

Deno.test("What went back of an order that was paid too much, for several reasons at once, is first what it was owed", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: first } = await tryToPay(app, user, order.id, "tok_success", { amount: TOTAL - 500 });
  const { body: late } = await tryToPay(app, user, order.id, "tok_3ds");
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  await sandboxOf(app).confirmAction(late.provider_reference, "success");
  const refresh = ({ id }: { id: string }) =>
    app.request("POST", `/v1/payments/${id}/refresh`, { token: user.token });
  assertEquals((await refresh(late)).body.status, "captured");
  assertEquals((await read(app, user, order.id)).body.amount_due, -500);
  sayDisputes(app, [
    { reference: "dp_1", status: "lost", amount: 1000, reason: "fraudulent" },
    { reference: "dp_2", status: "lost", amount: 700, reason: "duplicate" },
  ], 1700);
  assertEquals((await refresh(first)).body.amount_refunded, 1700);
  const { body } = await read(app, user, order.id);
  assertEquals([body.amount_paid, body.amount_refunded, body.amount_due], [TOTAL + 500, 1700, 0]);
  assertEquals(
    (await refundsOf(app, order.id)).map((each) => [
      each.amount,
      each.goods_amount + each.shipping_amount + each.duty_amount + each.tax_amount,
    ]),
    [[1000, 500], [700, 700]],
  );
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Staff cannot set an order to REFUNDED whose money a bank holds", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputed(shop, payment.provider_reference, "needs_response");
  const { status, body } = await patch(app, staff, order.id, { status: "REFUNDED" });
  assertEquals([status, body.code, body.errors[0].pointer], [409, "invalid_transition", "/status"]);
  await assertAllIsWell(shop.app);
});

Deno.test("Of what was lost no more is booked than the provider says went back, and the rest once it says so", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  const tell = async (refunded: number) => {
    sayDisputes(app, [{ reference: "dp_1", status: "lost", amount: 1500, reason: "fraudulent" }], refunded);
    await postWebhook(app, bankMessage(app, payment.provider_reference));
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    return (await refundsOf(app, order.id)).map((each) => [each.amount, each.dispute_id !== null]);
  };
  assertEquals(await tell(0), []);
  assertEquals(await tell(1000), [[1000, true]]);
  assertEquals(await tell(1000), [[1000, true]]);
  assertEquals(await tell(1700), [[1000, true], [500, true], [200, false]]);
  assertEquals((await tryToRefund(app, staff, order.id)).body.amount, TOTAL - 1700);
  await assertBooksBalance(app.deps.sql);
});

for (
  const [token, end, then] of [
    ["tok_success", "won", "succeeded"],
    ["tok_success", "closed", "succeeded"],
    ["tok_refund_refused", "won", "failed"],
  ] as const
) {
  Deno.test(`A refund that the bank refused for a dispute that we had not heard of is tried again, once, when that is ${end}, and has ${then}`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff, checkOut } = shop;
    const { order, payment } = await checkOut(token);
    await disputedSilently(shop, payment.provider_reference, "needs_response");
    assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    const refundsNow = async () =>
      (await refundsOf(app, order.id)).map(({ amount, status }) => [amount, status]);
    assertEquals(await refundsNow(), [[TOTAL, "failed"]]);
    assertEquals((await readPayment(app, user, payment.id)).amount_disputed, TOTAL);
    await disputed(shop, payment.provider_reference, end);
    await settleMoney(systemCtx(app.deps, "payments.settle_order"), order.id);
    assertEquals(await refundsNow(), [[TOTAL, "failed"], [TOTAL, then]]);
    await assertAllIsWell(shop.app);
  });
}

Deno.test("A dispute about more than its payment has left takes nothing from the order's other payments", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: first } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000 });
  const { body: second } = await tryToPay(app, user, order.id);
  const sandbox = sandboxOf(app);
  const { body: back } = await tryToRefund(app, staff, order.id, { amount: 1500, payment_id: first.id });
  assertEquals(back.status, "succeeded");
  const dispute = { reference: "dp_1", amount: 2000, reason: "fraudulent" };
  const tell = async (status: DisputeState["status"], refunded: number) => {
    sayDisputes(app, [{ ...dispute, status }], refunded);
    await postWebhook(app, bankMessage(app, first.provider_reference));
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    payThrough(app, sandbox);
  };
  await tell("needs_response", 1500);
  assertEquals(await balancesOf(shop, order.id), { cash: TOTAL - 3500, disputed: 2000, receivable: 0 });
  await refundAtBank(app, staff, second.provider_reference, 1000);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const none = await tryToRefund(app, staff, order.id, { amount: TOTAL });
  assertEquals([none.body.errors[0].refundable, none.body.errors[0].disputed], [TOTAL - 3000, 500]);
  const { status, body } = await tryToRefund(app, staff, order.id);
  assertEquals([status, body.status, body.amount, body.payment_id], [
    201,
    "succeeded",
    TOTAL - 3000,
    second.id,
  ]);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  await assertBooksBalance(app.deps.sql);
  const logged: unknown[] = [];
  app.deps.log = { ...app.deps.log, error: (message, fields) => logged.push([message, fields?.payment_id]) };
  await tell("lost", 3500);
  assertEquals(logged, [["a provider says that it gave back more of a payment than was left", first.id]]);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  assertEquals(await balancesOf(shop, order.id), { cash: 0, disputed: 0, receivable: 0 });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What staff gave back themselves is not booked as lost too, and the log says that it went back twice", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputedSilently(shop, payment.provider_reference, "needs_response");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 5000, manual: true })).status, 201);
  await disputed(shop, payment.provider_reference, "under_review");
  assertEquals(await balancesOf(shop, order.id), { cash: -5000, disputed: TOTAL, receivable: 0 });
  const logged: unknown[] = [];
  app.deps.log = { ...app.deps.log, error: (message, fields) => logged.push([message, fields?.payment_id]) };
  await disputed(shop, payment.provider_reference, "lost");
  assertEquals(logged, [["a provider says that it gave back more of a payment than was left", payment.id]]);
  const [dispute] = await listDisputes(shop);
  assertEquals(
    (await refundsOf(app, order.id)).map(({ amount, manual, dispute_id }) => [amount, manual, dispute_id]),
    [[5000, true, null], [TOTAL - 5000, false, dispute.id]],
  );
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertAllIsWell(shop.app);
});

Deno.test("A return of goods whose money a bank holds waits for its refund until that has decided", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await deliver(app, staff, order.id);
  const { body: asked } = await ask(app, user, order.id, 1);
  await change(app, staff, asked.id, { status: "approved" });
  await disputed(shop, payment.provider_reference, "needs_response");
  const refused = await receive(app, staff, asked.id, [1, 0], { refund: true });
  assertEquals([refused.status, refused.body.code, refused.body.errors[0].disputed], [
    422,
    "refund_refused",
    TOTAL,
  ]);
  assertEquals((await receive(app, staff, asked.id, [1, 0])).status, 201);
  assertEquals((await refund(app, staff, asked.id)).body.code, "refund_refused");
  await disputed(shop, payment.provider_reference, "won");
  const { status, body } = await refund(app, staff, asked.id);
  assertEquals([status, body.refund.amount, body.refund.status], [201, 1499 + 167 + 333, "succeeded"]);
  await assertAllIsWell(shop.app);
});

Deno.test("The shipping can be given back while a bank holds the rest: the order does not end with it", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success");
  await disputed(shop, payment.provider_reference, "needs_response", TOTAL - 600);
  const { status, body } = await tryToRefund(app, staff, order.id, { include_shipping: true });
  assertEquals([status, body.amount, body.status], [201, 600, "succeeded"]);
  await assertAllIsWell(shop.app);
});

Deno.test("The sandbox's bank lets a dispute begin and go on only as one can", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success");
  const reference = payment.provider_reference;
  const refusal = async (body: Record<string, unknown>) => {
    const answer = await disputeAtBank(app, staff, reference, body);
    assertEquals([answer.status, answer.body.code], [422, "payment_refused"]);
    return answer.body.errors[0].code;
  };
  assertEquals(await refusal({ status: "needs_response", amount: TOTAL + 1 }), "dispute_not_possible");
  await disputed(shop, reference, "needs_response", 100);
  const { body } = await disputeAtBank(app, staff, reference, { status: "under_review" });
  assertEquals([body.charge, body.status, body.amount], [reference, "under_review", 100]);
  assertEquals((await refundAtBank(app, staff, reference)).body.code, "refund_refused");
  await disputed(shop, reference, "won");
  assertEquals(await refusal({ status: "lost" }), "dispute_not_possible");
  const unknown = await disputeAtBank(app, staff, `sandbox_${newId()}`, { status: "lost" });
  assertEquals([unknown.status, unknown.body.code], [404, "not_found"]);
  const { order: half, payment: refunded } = await checkOut("tok_success");
  assertEquals((await tryToRefund(app, staff, half.id, { amount: 1000 })).status, 201);
  const { body: all } = await disputeAtBank(app, staff, refunded.provider_reference, { status: "inquiry" });
  assertEquals(all.amount, TOTAL - 1000);
  const { order: none, payment: empty } = await checkOut("tok_success");
  assertEquals((await tryToRefund(app, staff, none.id)).status, 201);
  const nothing = await disputeAtBank(app, staff, empty.provider_reference, { status: "inquiry" });
  assertEquals([nothing.status, nothing.body.errors[0].code], [422, "dispute_not_possible"]);
  const wrong = await disputeAtBank(app, staff, reference, { status: "gone" });
  assertEquals([wrong.status, wrong.body.errors[0].pointer], [422, "/status"]);
});

Deno.test("Disputes are found by status, order, payment, the provider's name for them, and time", async () => {
  await using shop = await startPaidShop();
  const { app, staff, clock, pass, checkOut } = shop;
  const [a, b] = [await checkOut("tok_success"), await checkOut("tok_success")];
  await disputed(shop, a.payment.provider_reference, "inquiry");
  await pass(DAY_MS);
  const later = clock.at.toISOString();
  await disputed(shop, b.payment.provider_reference, "needs_response");
  const [newest, oldest] = await listDisputes(shop);
  assertEquals([newest.order_id, oldest.order_id], [b.order.id, a.order.id]);
  const found = async (query: Record<string, string>) =>
    (await listDisputes(shop, query)).map(({ id }: { id: string }) => id);
  assertEquals(await found({ status: "inquiry" }), [oldest.id]);
  assertEquals(await found({ order_id: b.order.id }), [newest.id]);
  assertEquals(await found({ payment_id: a.payment.id }), [oldest.id]);
  assertEquals(await found({ provider_reference: newest.provider_reference }), [newest.id]);
  assertEquals(await found({ created_from: later }), [newest.id]);
  const { body: page } = await app.request("GET", "/v1/disputes?limit=1", { token: staff.token });
  assertEquals([page.data[0].id, await found({ cursor: page.next_cursor })], [newest.id, [oldest.id]]);
  const { status, body } = await app.request("GET", `/v1/disputes/${oldest.id}`, { token: staff.token });
  assertEquals([status, body], [200, oldest]);
});
