import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  deliver,
  eventsOf,
  patch,
  place,
  read,
  tally,
} from "../../support/orders.ts";
import { tryToRefund } from "../../support/payments.ts";
import { approved, get, receive, received, refund, type Shop, startShop } from "./support.ts";

async function refundedSoFar({ app, owner, order }: Shop): Promise<number> {
  return (await read(app, owner, order.id)).body.amount_refunded;
}

const lineOf = (quantity: number) => ({ items: [{ line: 1, quantity }] });

Deno.test("A return of units that were refunded by line before they came back ends refunded, with no refund of its own", async () => {
  const shop = await startShop({ quantity: 2 });
  const { app, owner, staff, order } = shop;
  await using _ = app;
  assertEquals((await tryToRefund(app, staff, order.id, lineOf(2))).body.status, "succeeded");
  const given = await refundedSoFar(shop);
  const { id } = await received(shop, [1, 1]);

  const key = newId();
  const ended = await refund(app, staff, id, undefined, key);
  assertEquals([ended.status, ended.body.status, ended.body.refund, ended.headers.get("ETag")], [
    201,
    "refunded",
    null,
    '"4"',
  ]);
  assertEquals((await get(app, owner, `/v1/returns/${id}`)).body, ended.body);
  const replay = await refund(app, staff, id, undefined, key);
  assertEquals([replay.headers.get("Idempotency-Replayed"), replay.body], ["true", ended.body]);
  const again = await refund(app, staff, id);
  assertEquals([again.status, again.body.code], [409, "invalid_transition"], "it is final");

  const told = await eventsOf(app, "return", id);
  assertEquals(told.map(({ type }) => type), [
    "return.requested",
    "return.approved",
    "return.received",
    "return.refunded",
  ]);
  assertEquals(told.at(-1)!.data, ended.body);
  assertEquals(await refundedSoFar(shop), given);
  assertEquals((await get(app, owner, `/v1/orders/${order.id}/refunds`)).body.data.length, 1);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A receipt that refunds as well ends such a return at once; twenty refunds of it at once end it once", async () => {
  const shop = await startShop({ quantity: 2 });
  const { app, staff, order } = shop;
  await using _ = app;
  assertEquals((await tryToRefund(app, staff, order.id, lineOf(2))).status, 201);
  const one = await approved(shop, 1);
  const { status, body } = await receive(app, staff, one.id, [1, 0], { refund: true });
  assertEquals([status, body.status, body.refund, body.version], [201, "refunded", null, 4]);

  const two = await received(shop, [1, 0]);
  const answers = await Promise.all(Array.from({ length: 20 }, () => refund(app, staff, two.id)));
  assertEquals(tally(answers), { 201: 1, "409 invalid_transition": 19 });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A return ends so too where all that was paid went back, and where what came back had cost nothing", async () => {
  const shop = await startShop();
  const { app, staff, order } = shop;
  await using _ = app;
  const { id } = await received(shop, [1, 0]);
  assertEquals((await tryToRefund(app, staff, order.id)).body.status, "succeeded");
  assertEquals((await read(app, staff, order.id)).body.status, "REFUNDED");
  const ended = await refund(app, staff, id, { include_shipping: true });
  assertEquals([ended.status, ended.body.status, ended.body.refund], [201, "refunded", null]);
  await assertBooksBalance(app.deps.sql);

  await using plain = await startTestApp();
  const [owner, clerk] = [await plain.user(), await plain.user("staff")];
  const [gift, mug] = [await addProduct(plain, { prices: { EUR: 0 } }), await addProduct(plain)];
  const placed = await place(plain, owner, { [gift.sku]: 1, [mug.sku]: 1 });
  await patch(plain, clerk, placed.id, { status: "PAID" });
  const other = {
    app: plain,
    owner,
    staff: clerk,
    sku: gift.sku,
    order: await deliver(plain, clerk, placed.id),
  };
  const free = await received(other, [1, 0]);
  assertEquals((await refund(plain, clerk, free.id)).body.refund, null);
  await assertBooksBalance(plain.deps.sql);
});

Deno.test("Of a return of several lines those are refunded that were not refunded before", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app), await addProduct(app, { prices: { EUR: 500 } })];
  const { id } = await place(app, owner, { [a.sku]: 1, [b.sku]: 2 });
  await patch(app, staff, id, { status: "PAID" });
  await deliver(app, staff, id);
  await tryToRefund(app, staff, id, lineOf(1));
  const items = [{ line: 1, quantity: 1 }, { line: 2, quantity: 1 }];
  const { body: ret } = await app.request("POST", `/v1/orders/${id}/returns`, {
    token: owner.token,
    body: { items, reason: "Too many" },
  });
  await app.request("PATCH", `/v1/returns/${ret.id}`, { token: staff.token, body: { status: "approved" } });
  const back = await receive(app, staff, ret.id, [1, 0], {
    items: items.map(({ line }) => ({ line, restocked: 1 })),
    refund: true,
  });
  assertEquals([back.status, back.body.refund.amount], [201, 500], JSON.stringify(back.body));
  const { body } = await get(app, staff, `/v1/refunds/${back.body.refund.id}`);
  assertEquals([body.items, body.return_id], [[{ line: 2, sku: b.sku, quantity: 1 }], ret.id]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Where a part of a line was refunded before, staff say which units are to be: some, or none", async () => {
  const shop = await startShop({ quantity: 5 });
  const { app, staff, order } = shop;
  await using _ = app;
  await tryToRefund(app, staff, order.id, lineOf(4));
  const { id } = await received(shop, [2, 0]);
  const unsaid = await refund(app, staff, id);
  assertEquals([unsaid.status, unsaid.body.code, unsaid.body.errors[0].refundable], [
    422,
    "refund_refused",
    1,
  ]);
  for (
    const [items, pointer, code] of [
      [[{ line: 1, quantity: 3 }], "/items/0", "more_than_received"],
      [[{ line: 1, quantity: 2 }, { line: 1, quantity: 1 }], "/items/0", "more_than_received"],
      [[{ line: 7, quantity: 1 }], "/items/0", "more_than_received"],
      [[{ line: 1, quantity: 2 }], "/items/0/quantity", "too_many"],
      [[{ line: 1, quantity: 0 }], "/items/0/quantity", undefined],
    ] as const
  ) {
    const { status, body } = await refund(app, staff, id, { items });
    assertEquals([status, body.errors[0].pointer], [422, pointer], JSON.stringify(items));
    if (code) assertEquals([body.code, body.errors[0].code], ["refund_refused", code]);
  }
  const some = await refund(app, staff, id, lineOf(1));
  assertEquals([some.status, some.body.refund.status], [201, "succeeded"]);

  const other = await startShop({ quantity: 3 });
  await using __ = other.app;
  await tryToRefund(other.app, other.staff, other.order.id, lineOf(2));
  const given = await refundedSoFar(other);
  const back = await received(other, [2, 0]);
  const none = await refund(other.app, other.staff, back.id, { items: [] });
  assertEquals([none.status, none.body.status, none.body.refund], [201, "refunded", null]);
  assertEquals(await refundedSoFar(other), given);
  await assertBooksBalance(app.deps.sql);
  await assertBooksBalance(other.app.deps.sql);
});

Deno.test("While the earlier refund is not answered the return waits: it may fail, and then there is something to give", async () => {
  const shop = await startShop({ quantity: 1, paymentMethod: "tok_refund_fails" });
  const { app, staff, order } = shop;
  await using _ = app;
  const pending = await tryToRefund(app, staff, order.id, lineOf(1), "the-earlier-one");
  assertEquals(pending.body.status, "pending");
  const { id } = await received(shop, [1, 0]);
  const early = await refund(app, staff, id);
  assertEquals([early.status, early.body.code], [422, "refund_refused"]);
  assertEquals((await get(app, staff, `/v1/returns/${id}`)).body.status, "received");
  await tryToRefund(app, staff, order.id, lineOf(1), "the-earlier-one");
  const done = await tryToRefund(app, staff, order.id, lineOf(1), "the-earlier-one");
  assertEquals(done.body.status, "succeeded");
  assertEquals((await refund(app, staff, id)).body.refund, null);
  await assertBooksBalance(app.deps.sql);

  const refusing = await startShop({ quantity: 1, paymentMethod: "tok_refund_refused" });
  await using __ = refusing.app;
  const failed = await tryToRefund(refusing.app, refusing.staff, refusing.order.id, lineOf(1));
  assertEquals(failed.body.status, "failed");
  await refusing.app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  const back = await received(refusing, [1, 0]);
  const given = await refund(refusing.app, refusing.staff, back.id);
  assertEquals(given.body.refund.status, "succeeded", "what failed was not given");
  await assertBooksBalance(refusing.app.deps.sql);
});
