import { assertEquals } from "@std/assert";
import { verifyBooks } from "../../../src/admin/mod.ts";
import { newId } from "../../../src/platform/id.ts";
import { assertBooksBalance, eventsOf, levelOf, patch, read, tally, typesOf } from "../../support/orders.ts";
import {
  assertBankAgrees,
  DAY_MS,
  expire,
  letItEnd,
  letWorkerCatchUp,
  readPayment,
  standing,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRecord,
  tryToRefund,
} from "../../support/payments.ts";

Deno.test("An order is paid in parts by bank: each is a payment, the order waits a week for the rest, and the ledger has it all", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  const { order } = await checkOut();
  const first = await tryToRecord(app, staff, order.id, { amount: 1000, reference: "2026-11-20/0042" });
  assertEquals(first.status, 201, JSON.stringify(first.body));
  const { provider, status, amount, amount_captured, provider_reference } = first.body;
  assertEquals(
    [provider, status, amount, amount_captured, provider_reference],
    ["manual", "captured", 1000, 1000, "2026-11-20/0042"],
  );
  assertEquals(first.headers.get("Location"), `/v1/payments/${first.body.id}`);
  const told = await eventsOf(app, "payment", first.body.id);
  assertEquals(told.map(({ type, data }) => [type, data.status, data.amount_captured]), [
    ["payment.created", "created", 0],
    ["payment.captured", "captured", 1000],
  ]);
  const { body: partly } = await read(app, user, order.id);
  assertEquals(standing(partly), ["PENDING", "PARTIALLY_PAID", 0, TOTAL - 1000]);
  await pass(7 * DAY_MS - 1);
  assertEquals(await expire(app), 0);
  const { body: rest } = await tryToRecord(app, staff, order.id);
  assertEquals([rest.amount, rest.provider_reference], [TOTAL - 1000, null]);
  const { body: paid } = await read(app, user, order.id);
  assertEquals([...standing(paid), paid.expires_at], ["PAID", "PAID", 0, 0, partly.expires_at]);
  const { body: { data } } = await app.request("GET", "/v1/payments?provider=manual", { token: staff.token });
  assertEquals(data, [rest, first.body]);
  const { body: ledger } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: staff.token });
  assertEquals(ledger.transactions.map(({ kind, payment_id }: typeof ledger) => [kind, payment_id]), [
    ["sale", null],
    ["capture", first.body.id],
    ["capture", rest.id],
  ]);
  await sweep(app);
  assertEquals(await letWorkerCatchUp(app), { done: 0, failures: [] }, "nobody is asked about it");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A payment that staff record was not updated before it was created", async () => {
  await using shop = await startPaidShop();
  const { app, staff, clock, checkOut } = shop;
  const { order } = await checkOut();
  let at = clock.at.getTime();
  Object.defineProperty(clock, "at", { get: () => new Date(at++) });
  const { body } = await tryToRecord(app, staff, order.id);
  assertEquals(body.created_at <= body.updated_at, true, `${body.created_at} to ${body.updated_at}`);
});

Deno.test("An order waits for its transfer as long as staff say, whatever a card promised meanwhile, and then expires", async () => {
  await using shop = await startPaidShop();
  const { app, clock, user, staff, checkOut, pass } = shop;
  const { order } = await checkOut();
  const pay_by = new Date(clock.at.getTime() + 5 * DAY_MS).toISOString();
  const { status, body } = await patch(app, staff, order.id, { pay_by });
  assertEquals([status, body.pay_by, body.expires_at], [200, pay_by, pay_by]);
  const { body: card } = await tryToPay(app, user, order.id, "tok_success", { capture_method: "manual" });
  const expiry = async () => (await read(app, user, order.id)).body.expires_at;
  assertEquals(await expiry(), new Date(clock.at.getTime() + 7 * DAY_MS).toISOString());
  await app.request("POST", `/v1/payments/${card.id}/void`, { token: staff.token });
  assertEquals(await expiry(), pay_by);
  await pass(5 * DAY_MS - 1);
  assertEquals(await expire(app), 0);
  await pass(1);
  assertEquals(await expire(app), 1);
  assertEquals((await patch(app, staff, order.id, { pay_by })).body.errors[0].code, "not_pending");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A transfer is recorded once: by its key, and by its reference, whoever else has the same statement", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const [{ order }, { order: other }] = [await checkOut(), await checkOut()];
  const ask = { amount: 1000, reference: "2026-11-20/0042" };
  const { body: payment } = await tryToRecord(app, staff, order.id, ask, "one");
  const again = await tryToRecord(app, staff, order.id, ask, "one");
  assertEquals([again.status, again.body, again.headers.get("Idempotency-Replayed")], [201, payment, "true"]);
  for (const id of [order.id, other.id]) {
    const { status, body } = await tryToRecord(app, staff, id, ask);
    const [{ pointer, order_id, payments }] = body.errors;
    assertEquals([status, body.code, pointer, order_id, payments], [
      409,
      "reference_taken",
      "/reference",
      order.id,
      [{ payment_id: payment.id }],
    ]);
  }
  const raced = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      tryToRecord(app, staff, i % 2 === 0 ? order.id : other.id, {
        amount: 1,
        reference: "2026-11-20/0043",
      })),
  );
  assertEquals(tally(raced), { 201: 1, "409 reference_taken": 9 });
  const paid = async (id: string) => (await read(app, user, id)).body.amount_paid;
  assertEquals(await paid(order.id) + await paid(other.id), 1001);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A transfer is the same one in whatever form of Unicode its reference is written, and is found by each", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order } = await checkOut();
  const [composed, decomposed] = ["Zoë 7", "Zoe\u0308 7"];
  const { body: payment } = await tryToRecord(app, staff, order.id, { amount: 1, reference: decomposed });
  assertEquals(payment.provider_reference, composed);
  for (const reference of [composed, decomposed]) {
    const again = await tryToRecord(app, staff, order.id, { amount: 1, reference });
    assertEquals([again.status, again.body.code], [409, "reference_taken"]);
  }
  const foundBy = async (reference: string) => {
    const path = `/v1/payments?provider_reference=${encodeURIComponent(reference)}`;
    const { body: { data } } = await app.request("GET", path, { token: staff.token });
    return data.map(({ id }: typeof payment) => id);
  };
  assertEquals([await foundBy(composed), await foundBy(decomposed)], [[payment.id], [payment.id]]);
});

Deno.test("No more is recorded than is due beside what payments under way may bring in, and nothing for an order that is over", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const late = await tryToPay(app, user, order.id, "tok_late", { amount: TOTAL - 500 });
  const tooMuch = await tryToRecord(app, staff, order.id, { amount: 501 });
  assertEquals([tooMuch.status, tooMuch.body.errors[0].code, tooMuch.body.errors[0].payable], [
    422,
    "more_than_due",
    500,
  ]);
  assertEquals(tooMuch.body.errors[0].payments[0].payment_id, late.body.id);
  assertEquals((await tryToRecord(app, staff, order.id)).body.amount, 500);
  assertEquals((await tryToRecord(app, staff, order.id)).body.errors[0].code, "nothing_due");
  const over = (await checkOut()).order;
  assertEquals((await patch(app, staff, over.id, { status: "CANCELLED" })).status, 200);
  assertEquals((await tryToRecord(app, staff, over.id)).body.errors[0].code, "nothing_due");
  const raced = (await checkOut()).order;
  const answers = await Promise.all(Array.from({ length: 10 }, () => tryToRecord(app, staff, raced.id)));
  assertEquals(tally(answers), { 201: 1, "422 payment_refused": 9 });
  assertEquals((await tryToPay(app, user, raced.id, "tok_success", {})).body.errors[0].code, "nothing_due");
  const byCustomer = await tryToPay(app, user, (await checkOut()).order.id, "tok_success", {
    provider: "manual",
  });
  assertEquals(byCustomer.body.errors[0].code, "unknown_provider");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What staff recorded they give back themselves: nothing refunds it when its order is cancelled, and a refund of it is done at once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut } = shop;
  const { order } = await checkOut();
  const { body: payment } = await tryToRecord(app, staff, order.id);
  assertEquals((await patch(app, staff, order.id, { status: "REFUNDED" })).body.code, "invalid_transition");
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  assertEquals((await levelOf(app, sku)).reserved, 0);
  await letItEnd(shop);
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "PAID", 0, -TOTAL]);
  const { body: refund } = await tryToRefund(app, staff, order.id);
  assertEquals([refund.status, refund.manual, refund.payment_id, refund.attempts], [
    "succeeded",
    true,
    payment.id,
    0,
  ]);
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  const { amount_refunded, amount_refunded_manually } = await readPayment(app, user, payment.id);
  assertEquals([amount_refunded, amount_refunded_manually], [TOTAL, TOTAL]);
  assertEquals(await typesOf(app, "payment", payment.id), [
    "payment.created",
    "payment.captured",
    "payment.refunded",
  ]);
  await letItEnd(shop);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of an order paid by card and by bank the card gives back first, and the bank's share is given once it has", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: card } = await tryToPay(app, user, order.id, "tok_refund_fails", { amount: 5000 });
  const { body: transfer } = await tryToRecord(app, staff, order.id);
  assertEquals([card.status, transfer.amount], ["captured", TOTAL - 5000]);
  const { body: small } = await tryToRefund(app, staff, order.id, { amount: 100 });
  assertEquals([small.payment_id, small.manual, small.status], [card.id, false, "pending"]);
  await letItEnd(shop);
  const { body: first } = await tryToRefund(app, staff, order.id);
  const sharesOf = async () => {
    const { body } = await app.request("GET", `/v1/orders/${order.id}/refunds`, { token: user.token });
    return body.data.slice(1).map((each: typeof first) => [
      each.payment_id,
      each.follows,
      each.amount,
      each.manual,
      each.status,
    ]);
  };
  assertEquals(await sharesOf(), [
    [card.id, null, 4900, false, "pending"],
    [transfer.id, first.id, TOTAL - 5000, true, "pending"],
  ]);
  await letItEnd(shop);
  assertEquals((await sharesOf()).map((share: unknown[]) => share.at(-1)), ["succeeded", "succeeded"]);
  const asked = await app.deps.sql`select distinct provider from payment_webhooks`;
  assertEquals([...asked], [{ provider: "sandbox" }], "nobody is asked about a transfer");
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("When an order paid by card and by bank is cancelled, the card's money goes back by itself and the bank's waits for staff", async () => {
  await using shop = await startPaidShop();
  const { app, clock, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  await tryToRecord(app, staff, order.id, { amount: 1000 });
  await tryToPay(app, user, order.id, "tok_success");
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  await letItEnd(shop);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "CANCELLED",
    "PARTIALLY_REFUNDED",
    TOTAL - 1000,
    -1000,
  ]);
  const { invariants } = await verifyBooks(app.deps.sql, clock.at);
  const warned = invariants.filter(({ name }) => name === "no_order_owes_money").flatMap((each) =>
    each.examples
  );
  assertEquals(warned, [], "staff know what they have to give back");
  assertEquals((await tryToRefund(app, staff, order.id)).body.manual, true);
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund of a transfer that a process of the release before asks a provider for fails, and staff give the money back", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: payment } = await tryToRecord(app, staff, order.id);
  await patch(app, staff, order.id, { status: "CANCELLED" });
  // As that process settles the order: reserved, and to be sent to whom it takes for the payment's provider.
  const { sql, clock } = app.deps;
  await sql`
    insert into refunds (id, order_id, payment_id, currency, amount, reason, status, next_attempt_at, actor, created_at, updated_at)
    select ${newId()}, order_id, id, currency, amount, 'The order was cancelled', 'pending', ${clock.now()}, 'system', ${clock.now()},
           ${clock.now()}
    from payments where id = ${payment.id}`;
  await sql`update payments set amount_refunding = amount where id = ${payment.id}`;
  await letItEnd(shop);
  assertEquals((await tryToRefund(app, staff, order.id)).body.status, "succeeded");
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  await assertBooksBalance(app.deps.sql);
});
