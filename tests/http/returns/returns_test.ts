import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { withConnection } from "../../../tools/database_admin.ts";
import { startTestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import {
  addProduct,
  assertBooksBalance,
  deliver,
  eventsOf,
  levelOf,
  patch,
  place,
  read,
  startAnother,
  tally,
} from "../../support/orders.ts";
import { approved, ask, change, get, receive, received, refund, type Shop, startShop } from "./support.ts";

async function standing({ app, owner, order }: Shop) {
  const { body } = await read(app, owner, order.id);
  const { status, payment_status, fulfilment_status, units_returned, amount_refunded } = body;
  const [{ shipped, returned }] = body.items;
  assertEquals([shipped, returned], [order.units, units_returned]);
  return [status, payment_status, fulfilment_status, units_returned, amount_refunded];
}

const onHand = async ({ app, sku }: Shop) => (await levelOf(app, sku)).on_hand;

async function refundsOf({ app, owner, order }: Shop) {
  return (await get(app, owner, `/v1/orders/${order.id}/refunds`)).body.data;
}

Deno.test("Units come back in parts: stock, statuses and money follow each of them, and add up to the line", async () => {
  const shop = await startShop();
  const { app, owner, staff, sku, order } = shop;
  await using _ = app;
  assertEquals(await onHand(shop), 97);

  const asked = await ask(app, owner, order.id, 1);
  assertEquals([asked.status, asked.headers.get("ETag")], [201, '"1"']);
  assertEquals(asked.headers.get("Location"), `/v1/returns/${asked.body.id}`);
  assertEquals({ ...asked.body, id: "", created_at: "", updated_at: "" }, {
    id: "",
    order_id: order.id,
    status: "requested",
    items: [{ line: 1, sku, quantity: 1, restocked: 0, written_off: 0 }],
    reason: "Too small",
    staff_note: null,
    refund: null,
    version: 1,
    created_at: "",
    updated_at: "",
  });
  const { id } = asked.body;
  assertEquals((await get(app, owner, `/v1/returns/${id}`)).body, asked.body);
  const yes = await change(app, staff, id, { status: "approved", staff_note: "Within 14 days" });
  assertEquals([yes.status, yes.body.status, yes.body.staff_note], [200, "approved", "Within 14 days"]);
  assertEquals(await standing(shop), ["DELIVERED", "PAID", "DELIVERED", 0, 0]);

  const back = await receive(app, staff, id, [1, 0]);
  assertEquals([back.status, back.body.status, back.body.version], [201, "received", 3]);
  assertEquals(
    back.body.staff_note,
    "Within 14 days",
    "what staff wrote stays, unless they write something else",
  );
  assertEquals(await onHand(shop), 98);
  assertEquals(await standing(shop), ["DELIVERED", "PAID", "PARTIALLY_RETURNED", 1, 0]);

  // 14.99 of goods, a third of 5.00 duty, and a third of the 9.99 of tax that are not the shipping's.
  const paid = await refund(app, staff, id);
  assertEquals([paid.status, paid.body.status, paid.headers.get("ETag")], [201, "refunded", '"4"']);
  assertEquals([paid.body.refund.status, paid.body.refund.amount], ["succeeded", 1499 + 167 + 333]);
  assertEquals(await standing(shop), ["DELIVERED", "PARTIALLY_REFUNDED", "PARTIALLY_RETURNED", 1, 1999]);

  const rest = await received(shop, [1, 1]);
  assertEquals(await onHand(shop), 99, "what is written off is not for sale again");
  assertEquals(await standing(shop), ["DELIVERED", "PARTIALLY_REFUNDED", "RETURNED", 3, 1999]);
  assertEquals((await refund(app, staff, rest.id, { reason: "As agreed" })).status, 201);
  const [first, second] = await refundsOf(shop);
  assertEquals([first.return_id, first.reason, first.items], [id, "Too small", [{
    line: 1,
    sku,
    quantity: 1,
  }]]);
  assertEquals([second.return_id, second.reason, second.items], [rest.id, "As agreed", [{
    line: 1,
    sku,
    quantity: 2,
  }]]);
  const both = (part: string) => first[`${part}_amount`] + second[`${part}_amount`];
  assertEquals([both("goods"), both("duty"), both("tax"), both("shipping")], [4497, 500, 999, 0]);
  assertEquals(await standing(shop), ["DELIVERED", "PARTIALLY_REFUNDED", "RETURNED", 3, 4497 + 500 + 999]);

  const moves = await app.deps.sql`
    select on_hand_delta, reserved_delta, order_id from stock_movements where sku = ${sku} and kind = 'return'`;
  assertEquals(moves.map((move) => Object.values(move)), [[1, 0, order.id], [1, 0, order.id]]);
  assertEquals((await eventsOf(app, "inventory", `${sku}@default`)).at(-1)!.data.kind, "return");
  const { data } = (await eventsOf(app, "order", order.id)).at(-1)!;
  assertEquals([data.shipped_units, data.returned_units], Array(2).fill([{ line: 1, sku, quantity: 3 }]));
  const told = await eventsOf(app, "return", id);
  assertEquals(told.map(({ type, sequence, user_id }) => [type, sequence, user_id]), [
    ["return.requested", 1, owner.id],
    ["return.approved", 2, owner.id],
    ["return.received", 3, owner.id],
    ["return.refunded", 4, owner.id],
  ]);
  assertEquals(told.slice(0, 3).map(({ data }) => data), [asked.body, yes.body, back.body]);
  assertEquals((await get(app, owner, `/v1/orders/${order.id}/returns`)).body.data[0], paid.body);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A receipt can refund as well; the units' share of the shipping goes back where that is asked for", async () => {
  const shop = await startShop();
  const { app, staff } = shop;
  await using _ = app;
  const one = await approved(shop, 1);
  const back = await receive(app, staff, one.id, [0, 1], { refund: true, staff_note: "Broken" });
  assertEquals([back.status, back.body.status, back.body.staff_note], [201, "refunded", "Broken"]);
  assertEquals(back.body.refund.amount, 1999);
  assertEquals((await eventsOf(app, "return", one.id)).map(({ type }) => type).slice(2), [
    "return.received",
    "return.refunded",
  ]);
  assertEquals(await onHand(shop), 97);
  const two = await received(shop, [2, 0]);
  const paid = await refund(app, staff, two.id, { include_shipping: true });
  const [, { shipping_amount, amount }] = await refundsOf(shop);
  // Two thirds of the 5.00 of shipping: the other unit's was not asked for.
  assertEquals([paid.status, shipping_amount, paid.body.refund.amount], [201, 333, amount]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of an order that staff recorded as paid the refund is recorded at once, with the receipt", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 1499 } });
  const { id } = await place(app, owner, { [sku]: 2 });
  await patch(app, staff, id, { status: "PAID" });
  const order = await deliver(app, staff, id);
  const shop = { app, owner, staff, sku, order };
  const ret = await approved(shop, 2);
  const back = await receive(app, staff, ret.id, [2, 0], { refund: true });
  assertEquals([back.status, back.body.refund.status, back.body.refund.amount], [201, "succeeded", 2998]);
  assertEquals(await standing(shop), ["REFUNDED", "REFUNDED", "RETURNED", 2, 2998]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What was refunded otherwise is not given back again: the return stays received, and says so", async () => {
  const shop = await startShop();
  const { app, staff, order } = shop;
  await using _ = app;
  const goodwill = await app.request("POST", `/v1/orders/${order.id}/refunds`, {
    token: staff.token,
    body: { items: [{ line: 1, quantity: 2 }], reason: "Sorry" },
    headers: { "Idempotency-Key": newId() },
  });
  assertEquals(goodwill.status, 201, JSON.stringify(goodwill.body));
  const ret = await approved(shop, 2);
  const both = await receive(app, staff, ret.id, [2, 0], { refund: true });
  assertEquals([both.status, both.body.code, both.body.errors[0].pointer], [
    422,
    "refund_refused",
    "/refund",
  ]);
  assertEquals([both.body.errors[0].line, both.body.errors[0].refundable], [1, 1]);
  assertEquals(await onHand(shop), 97, "what is refused does nothing");
  assertEquals((await receive(app, staff, ret.id, [2, 0])).status, 201);
  const refused = await refund(app, staff, ret.id);
  assertEquals([refused.status, refused.body.errors[0].pointer, refused.body.errors[0].refundable], [
    422,
    "",
    1,
  ]);
  assertEquals((await get(app, staff, `/v1/returns/${ret.id}`)).body.status, "received");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that the bank refuses is shown as failed, and can be asked for again with a new key", async () => {
  const shop = await startShop({ paymentMethod: "tok_refund_refused" });
  const { app, owner, staff } = shop;
  await using _ = app;
  const { id } = await received(shop, [1, 0]);
  const key = newId();
  const first = await refund(app, staff, id, undefined, key);
  assertEquals([first.status, first.body.status, first.body.refund.status], [201, "refunded", "failed"]);
  assertEquals((await get(app, owner, `/v1/returns/${id}`)).body, first.body);
  const replay = await refund(app, staff, id, undefined, key);
  assertEquals([replay.headers.get("Idempotency-Replayed"), replay.body], ["true", first.body]);
  assertEquals((await refundsOf(shop)).length, 1);

  await app.deps.sql`update sandbox_charges set payment_method = 'tok_success'`;
  const again = await refund(app, staff, id);
  assertEquals([again.status, again.body.refund.status, again.body.version], [201, "succeeded", 5]);
  assertEquals((await refundsOf(shop)).map(({ status }: { status: string }) => status), [
    "failed",
    "succeeded",
  ]);
  const late = await refund(app, staff, id);
  assertEquals([late.status, late.body.code, late.body.errors[0].allowed], [409, "invalid_transition", []]);
  assertEquals((await standing(shop)).at(-1), 1999);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What the bank refuses to give back for a return staff give back themselves, and the return is refunded with that", async () => {
  const shop = await startShop({ paymentMethod: "tok_refund_refused" });
  const { app, staff } = shop;
  await using _ = app;
  const { id } = await received(shop, [1, 0]);
  assertEquals((await refund(app, staff, id)).body.refund.status, "failed");
  const { status, body } = await refund(app, staff, id, { manual: true });
  assertEquals([status, body.status, body.refund.status], [201, "refunded", "succeeded"]);
  assertEquals(
    (await refundsOf(shop)).map((
      each: Record<string, unknown>,
    ) => [each.status, each.manual, each.return_id]),
    [["failed", false, id], ["succeeded", true, id]],
  );
  assertEquals((await standing(shop)).at(-1), 1999);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that the bank did not answer to stays pending, and is seen when it is done", async () => {
  const shop = await startShop({ paymentMethod: "tok_refund_fails" });
  const { app, owner, staff } = shop;
  await using _ = app;
  const { id } = await received(shop, [1, 0]);
  const key = newId();
  const first = await refund(app, staff, id, undefined, key);
  assertEquals(first.body.refund.status, "pending");
  assertEquals((await refund(app, staff, id)).body.code, "invalid_transition");
  // Each repetition of the first call goes on where it was cut off; the bank answers the third time.
  assertEquals((await refund(app, staff, id, undefined, key)).body.refund.status, "pending");
  assertEquals((await refund(app, staff, id, undefined, key)).body.refund.status, "succeeded");
  assertEquals((await get(app, owner, `/v1/returns/${id}`)).body.refund.status, "succeeded");
  assertEquals((await standing(shop)).at(-1), 1999);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Twenty requests for one unit at once make one return; twenty receipts of it count once", async () => {
  const shop = await startShop({ quantity: 1 });
  const { app, owner, staff, order } = shop;
  await using _ = app;
  await using other = await startAnother(app);
  const twenty = <T>(call: (app: typeof other) => Promise<T>) =>
    Promise.all(Array.from({ length: 20 }, (_, i) => call(i % 2 ? app : other)));
  const asked = await twenty((app) => ask(app, owner, order.id, 1));
  assertEquals(tally(asked), { 201: 1, "422 return_refused": 19 });
  const { id } = asked.find(({ status }) => status === 201)!.body;
  await change(app, staff, id, { status: "approved" });
  const answers = await twenty((app) => receive(app, staff, id, [1, 0]));
  assertEquals(tally(answers), { 201: 1, "409 invalid_transition": 19 });
  assertEquals(await onHand(shop), 100);
  assertEquals(await standing(shop), ["DELIVERED", "PAID", "RETURNED", 1, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Twenty refunds of one return at once, each with a key of its own, give the money back once", async () => {
  const shop = await startShop();
  const { app, staff } = shop;
  await using _ = app;
  await using other = await startAnother(app);
  const { id } = await received(shop, [1, 0]);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => refund(i % 2 ? app : other, staff, id, {})),
  );
  assertEquals(tally(answers), { 201: 1, "409 invalid_transition": 19 });
  assertEquals((await refundsOf(shop)).length, 1);
  assertEquals((await standing(shop)).at(-1), 1999);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Returns of two orders that share SKUs, received at once, never wait for each other in a circle", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app, { stock: 100 }), await addProduct(app, { stock: 100 })];
  const ready = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const skus = i % 2 ? { [a.sku]: 1, [b.sku]: 1 } : { [b.sku]: 1, [a.sku]: 1 };
      const { id } = await place(app, owner, skus);
      await patch(app, staff, id, { status: "PAID" });
      await deliver(app, staff, id);
      const items = [{ line: 1, quantity: 1 }, { line: 2, quantity: 1 }];
      const { body } = await app.request("POST", `/v1/orders/${id}/returns`, {
        token: owner.token,
        body: { items, reason: "Too many" },
      });
      await change(app, staff, body.id, { status: "approved" });
      return body.id as string;
    }),
  );
  const answers = await Promise.all(ready.map((id) =>
    receive(app, staff, id, [1, 0], {
      items: [{ line: 1, restocked: 1 }, { line: 2, restocked: 1 }],
      refund: true,
    })
  ));
  assertEquals(tally(answers), { 201: 8 });
  assertEquals([(await levelOf(app, a.sku)).on_hand, (await levelOf(app, b.sku)).on_hand], [100, 100]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A receipt that frees what had not left takes stock levels in the order of SKUs, as everybody does", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const gift = await addProduct(app, { sku: "A-GIFT", prices: { EUR: 0 } });
  const mug = await addProduct(app, { sku: "B-MUG" });
  const { id } = await place(app, owner, { [gift.sku]: 1, [mug.sku]: 1 });
  await patch(app, staff, id, { status: "PAID" });
  const items = [{ line: 2, quantity: 1 }];
  await app.request("POST", `/v1/orders/${id}/shipments`, { token: staff.token, body: { items } });
  const { body: ret } = await app.request("POST", `/v1/orders/${id}/returns`, {
    token: owner.token,
    body: { items, reason: "Too small" },
  });
  await change(app, staff, ret.id, { status: "approved" });
  const { pending } = await withConnection(app.deps.config.databaseUrl, (other) =>
    other.begin(async (tx) => {
      await tx`select from stock_levels where sku = ${gift.sku} for update`;
      const pending = receive(app, staff, ret.id, [0, 0], {
        items: [{ line: 2, restocked: 1 }],
        refund: true,
      });
      await untilWaiting(tx);
      await tx`select from stock_levels where sku = ${mug.sku} for update nowait`;
      return { pending };
    }));
  assertEquals((await pending).status, 201);
  assertEquals((await read(app, owner, id)).body.status, "REFUNDED");
  assertEquals([(await levelOf(app, gift.sku)).reserved, (await levelOf(app, mug.sku)).on_hand], [0, 100]);
  await assertBooksBalance(app.deps.sql);
});
