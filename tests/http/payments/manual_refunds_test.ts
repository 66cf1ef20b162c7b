import { assertEquals } from "@std/assert";
import { assertBooksBalance, patch, read, typesOf } from "../../support/orders.ts";
import {
  assertBankAgrees,
  letWorkerCatchUp,
  paidByTwo,
  readPayment,
  refundAtBank,
  standing,
  startPaidShop,
  TOTAL,
  tryToPay,
  tryToRecord,
  tryToRefund,
} from "../../support/payments.ts";

Deno.test("What the bank refuses to give back staff give back themselves and record: once, and against the payment", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_refund_refused");
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).status, 200);
  await letWorkerCatchUp(app);
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "PAID", 0, -TOTAL]);
  const ask = { reason: "Bank transfer of 22 November", manual: true };
  const { status, body: refund } = await tryToRefund(app, staff, order.id, ask, "by-hand");
  assertEquals(
    [status, refund.status, refund.manual, refund.payment_id, refund.amount, refund.attempts],
    [201, "succeeded", true, payment.id, TOTAL, 0],
  );
  assertEquals((await tryToRefund(app, staff, order.id, ask, "by-hand")).body, refund);
  assertEquals(await typesOf(app, "refund", refund.id), ["refund.created", "refund.succeeded"]);
  assertEquals((await typesOf(app, "payment", payment.id)).at(-1), "payment.refunded");
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "REFUNDED", TOTAL, 0]);
  const { amount_refunding, amount_refunded, amount_refunded_manually } = await readPayment(
    app,
    user,
    payment.id,
  );
  assertEquals([amount_refunding, amount_refunded, amount_refunded_manually], [0, TOTAL, TOTAL]);
  const again = await tryToRefund(app, staff, order.id, { manual: true });
  assertEquals([again.status, again.body.errors[0].code], [422, "nothing_paid"]);
  await letWorkerCatchUp(app);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("While a provider may be giving money back, staff cannot record the same money as given back by themselves", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { order } = await checkOut("tok_refund_fails");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: TOTAL - 100 })).body.status, "pending");
  const { status, body } = await tryToRefund(app, staff, order.id, { amount: 101, manual: true });
  assertEquals([status, body.errors[0].refundable], [422, 100]);
  const { body: rest } = await tryToRefund(app, staff, order.id, { manual: true });
  assertEquals([rest.status, rest.amount], ["succeeded", 100]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Units that two payments paid for are given back by staff at once, each payment's share of them", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { order, a, b } = await paidByTwo(shop, "tok_refund_refused", "tok_refund_refused");
  const { body: refund } = await tryToRefund(app, staff, order.id, {
    items: [{ line: 1, quantity: 3 }],
    include_shipping: true,
    manual: true,
  });
  const { body: { data } } = await app.request("GET", `/v1/orders/${order.id}/refunds`, {
    token: user.token,
  });
  assertEquals(
    data.map((each: typeof refund) => [
      each.payment_id,
      each.follows,
      each.amount,
      each.status,
      each.manual,
    ]),
    [
      [b.id, null, TOTAL / 2, "succeeded", true],
      [a.id, refund.id, TOTAL / 2, "succeeded", true],
    ],
  );
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What goes back at the bank itself beside what staff gave back is booked, as far as the payment had it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const logged: unknown[] = [];
  app.deps.log = { ...app.deps.log, error: (message, fields) => logged.push([message, fields?.payment_id]) };
  const { order, payment } = await checkOut("tok_success");
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1000, manual: true })).status, 201);
  await refundAtBank(app, staff, payment.provider_reference, 500);
  await letWorkerCatchUp(app);
  const standingOf = async () => {
    const { amount_refunded, amount_refunded_manually } = await readPayment(app, user, payment.id);
    return [amount_refunded, amount_refunded_manually];
  };
  assertEquals([await standingOf(), logged], [[1500, 1000], []]);
  await assertBankAgrees(app);
  await refundAtBank(app, staff, payment.provider_reference);
  await letWorkerCatchUp(app);
  assertEquals(await standingOf(), [TOTAL, 1000]);
  assertEquals(logged, [["a provider says that it gave back more of a payment than was left", payment.id]]);
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What staff give back by hand is taken from what came by bank before what a card paid, and anything else from the card first", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: transfer } = await tryToRecord(app, staff, order.id, { amount: 2000 });
  const { body: card } = await tryToPay(app, user, order.id);
  const refunded = async (ask: Record<string, unknown>) => {
    const { status, body } = await tryToRefund(app, staff, order.id, ask);
    assertEquals([status, body.status], [201, "succeeded"], JSON.stringify(body));
    return [body.payment_id, body.manual, body.amount];
  };
  assertEquals(await refunded({ amount: 100 }), [card.id, false, 100]);
  assertEquals(await refunded({ amount: 100, manual: true }), [transfer.id, true, 100]);
  assertEquals(await refunded({ amount: 100, manual: true, payment_id: card.id }), [card.id, true, 100]);
  assertEquals(
    await refunded({ amount: 1901, manual: true }),
    [card.id, true, 1901],
    "a single one has enough",
  );
  assertEquals(await refunded({ manual: true }), [transfer.id, true, 1900], "the card gives the rest");
  assertEquals(standing((await read(app, user, order.id)).body), ["REFUNDED", "REFUNDED", TOTAL, 0]);
  await letWorkerCatchUp(app);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What staff give back by hand is taken from what they had recorded by a status, too, before a card", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { body: card } = await tryToPay(app, user, order.id, "tok_success", { amount: 3000 });
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  const payerOf = async (ask: Record<string, unknown>) =>
    (await tryToRefund(app, staff, order.id, { amount: 100, ...ask })).body.payment_id;
  assertEquals([await payerOf({}), await payerOf({ manual: true })], [card.id, null]);
  await letWorkerCatchUp(app);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
