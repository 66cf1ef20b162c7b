import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { processOrders } from "../../../src/orders/mod.ts";
import { transaction } from "../../../src/platform/db.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  levelOf,
  patch,
  place,
  read,
  startAnother,
  takeThrough,
} from "../../support/orders.ts";
import {
  assertBankAgrees,
  capture,
  DAY_MS,
  expire,
  letItEnd,
  MINUTE_MS,
  startPaidShop,
  sweep,
  TOTAL,
  tryToRefund,
} from "../../support/payments.ts";
import { ask, change, receive } from "../returns/support.ts";

const ship = (app: TestApp, staff: TestUser, id: string, items?: object[]): Promise<Answer> =>
  app.request("POST", `/v1/orders/${id}/shipments`, { token: staff.token, body: { items } });

const refundUnits = (app: TestApp, staff: TestUser, id: string, line: number, quantity: number) =>
  tryToRefund(app, staff, id, { items: [{ line, quantity }] });

const standing = ({ status, payment_status, fulfilment_status, units, items }: Answer["body"]) => [
  `${status} ${payment_status} ${fulfilment_status}`,
  units,
  items.map(({ cancelled }: { cancelled: number }) => cancelled),
];

const reserved = async (app: TestApp, sku: string) => (await levelOf(app, sku)).reserved;

Deno.test("Refunded units that have not left are not sent any more: their stock is free, and the order ends with the rest", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, clock, pass } = shop;
  const { order } = await shop.checkOut("tok_success");
  assertEquals((await ship(app, staff, order.id, [{ line: 1, quantity: 1 }])).status, 201);
  const before = (await read(app, user, order.id)).body;
  await pass(MINUTE_MS);
  assertEquals((await refundUnits(app, staff, order.id, 1, 2)).body.status, "succeeded");

  const after = (await read(app, user, order.id)).body;
  assertEquals(standing(after), ["SHIPPED PARTIALLY_REFUNDED SHIPPED", 1, [2]]);
  const { on_hand, reserved } = await levelOf(app, sku);
  assertEquals([on_hand, reserved], [99_999, 0]);
  const rest = await ship(app, staff, order.id);
  assertEquals([rest.status, rest.body.errors[0].status], [409, "SHIPPED"]);
  const asOf = async (time: string) => (await read(app, user, `${order.id}?as_of=${time}`)).body;
  assertEquals([await asOf(before.updated_at), await asOf(clock.at.toISOString())], [before, after]);
  const { type, data } = (await eventsOf(app, "order", order.id)).at(-1)!;
  assertEquals([type, data.cancelled_units, data.changes.units, data.changes.cancelled_units], [
    "order.updated",
    [{ line: 1, sku, quantity: 2 }],
    { from: 3, to: 1 },
    { from: [], to: [{ line: 1, sku, quantity: 2 }] },
  ]);

  assertEquals((await patch(app, staff, order.id, { status: "DELIVERED" })).body.status, "DELIVERED");
  const tooMany = await ask(app, user, order.id, 2);
  assertEquals([tooMany.status, tooMany.body.errors[0].returnable], [422, 1]);
  const { id } = (await ask(app, user, order.id, 1)).body;
  await change(app, staff, id, { status: "approved" });
  const returned = await receive(app, staff, id, [1, 0], { refund: true });
  assertEquals([returned.status, returned.body.refund?.status], [201, "succeeded"]);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "DELIVERED PARTIALLY_REFUNDED RETURNED", // what shipping cost stays
    1,
    [2],
  ]);
  assertEquals((await levelOf(app, sku)).available, 100_000);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of two lines of which one was refunded the other is sent", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app), await addProduct(app)];
  const { id } = await place(app, owner, { [a.sku]: 1, [b.sku]: 2 });
  await patch(app, staff, id, { status: "PAID" });
  assertEquals((await refundUnits(app, staff, id, 2, 2)).status, 201);
  // Its screening may come as late as that.
  const screened = await transaction(
    app.deps.sql,
    (tx) => processOrders(tx, systemCtx(app.deps, "test"), [id]),
  );
  assertEquals(screened, [id]);
  const none = await ship(app, staff, id, [{ line: 2, quantity: 1 }]);
  assertEquals([none.status, none.body.errors[0].code, none.body.errors[0].unshipped], [
    422,
    "more_than_unshipped",
    0,
  ]);
  assertEquals((await ship(app, staff, id)).body.items, [{ line: 1, sku: a.sku, quantity: 1 }]);
  assertEquals(standing((await read(app, owner, id)).body), [
    "SHIPPED PARTIALLY_REFUNDED SHIPPED",
    1,
    [0, 2],
  ]);
  assertEquals([(await levelOf(app, a.sku)).on_hand, (await levelOf(app, b.sku)).on_hand], [99, 100]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order of which units were refunded is cancelled, or set to SHIPPED, with the rest of them", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const refunded = async () => {
    const { id } = await place(app, owner, { [sku]: 3 });
    await takeThrough(app, staff, id, ["PAID", "PROCESSING"]);
    await refundUnits(app, staff, id, 1, 1);
    return id;
  };
  const cancelled = await refunded();
  assertEquals(await reserved(app, sku), 2);
  assertEquals((await patch(app, staff, cancelled, { status: "CANCELLED" })).body.status, "CANCELLED");
  assertEquals(await reserved(app, sku), 0);
  const sent = await refunded();
  assertEquals(standing((await patch(app, staff, sent, { status: "SHIPPED" })).body), [
    "SHIPPED PARTIALLY_REFUNDED SHIPPED",
    2,
    [1],
  ]);
  const { on_hand, reserved: left } = await levelOf(app, sku);
  assertEquals([on_hand, left], [98, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("However shipments and refunds of units race, from two processes, no unit is both sent and cancelled", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1000 });
  for (let round = 0; round < 40; round++) {
    const { id } = await place(app, owner, { [sku]: 5 });
    await patch(app, staff, id, { status: "PAID" });
    const [one, two] = round % 2 ? [app, other] : [other, app];
    const acts = [
      () => ship(one, staff, id, [{ line: 1, quantity: 2 }]),
      () => refundUnits(two, staff, id, 1, 2),
      () => ship(two, staff, id),
      () => refundUnits(one, staff, id, 1, 1),
    ];
    const answers = await Promise.all(
      [...acts.slice(round % 4), ...acts.slice(0, round % 4)].map((act) => act()),
    );
    for (const { status, body } of answers) assert([201, 409, 422].includes(status), JSON.stringify(body));
    const [line] = await app.deps.sql`
      select i.shipped, i.cancelled, o.units, o.units_shipped,
             (select coalesce(sum(s.quantity), 0)::int from shipment_items s join shipments on id = s.shipment_id
              where order_id = o.id) as sent
      from order_items i join orders o on o.id = i.order_id where o.id = ${id}`;
    const { shipped, cancelled, units, units_shipped, sent } = line!;
    assertEquals([units, units_shipped, sent], [5 - cancelled, shipped, shipped], JSON.stringify(line));
    assertEquals(shipped + cancelled, 5, "whoever sends the rest sends what was not refunded before");
  }
  assertEquals(await reserved(app, sku), 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Refunds of units that have left, of amounts and of returns cancel nothing", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const placePaid = async () => {
    const { id } = await place(app, owner, { [sku]: 3 });
    await patch(app, staff, id, { status: "PAID" });
    return id;
  };
  const sent = await placePaid();
  await ship(app, staff, sent);
  const level = await levelOf(app, sku);
  assertEquals((await refundUnits(app, staff, sent, 1, 2)).status, 201);
  assertEquals(standing((await read(app, owner, sent)).body), ["SHIPPED PARTIALLY_REFUNDED SHIPPED", 3, [0]]);
  assertEquals(await levelOf(app, sku), level);

  const amount = await placePaid();
  assertEquals((await tryToRefund(app, staff, amount, { amount: 1499 })).status, 201);
  assertEquals(standing((await read(app, owner, amount)).body), ["PAID PARTIALLY_REFUNDED UNFULFILLED", 3, [
    0,
  ]]);
  assertEquals(await reserved(app, sku), 3);

  const returned = await placePaid();
  await ship(app, staff, returned, [{ line: 1, quantity: 1 }]);
  const { id } = (await ask(app, owner, returned, 1)).body;
  await change(app, staff, id, { status: "approved" });
  assertEquals((await receive(app, staff, id, [1, 0], { refund: true })).body.refund?.status, "succeeded");
  assertEquals(standing((await read(app, owner, returned)).body), [
    "PROCESSING PARTIALLY_REFUNDED PARTIALLY_RETURNED",
    3,
    [0],
  ]);
  assertEquals(await reserved(app, sku), 3 + 2);
  assertEquals((await ship(app, staff, returned)).body.items, [{ line: 1, sku, quantity: 2 }]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that its bank refuses cancels nothing, and what one that waits is for does not leave meanwhile", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, pass } = shop;
  const refused = (await shop.checkOut("tok_refund_refused")).order;
  assertEquals((await refundUnits(app, staff, refused.id, 1, 3)).body.status, "failed");
  assertEquals(standing((await read(app, user, refused.id)).body), ["PAID PAID UNFULFILLED", 3, [0]]);
  assertEquals(await reserved(app, sku), 3);
  assertEquals((await ship(app, staff, refused.id)).body.items, [{ line: 1, sku, quantity: 3 }]);

  const waiting = (await shop.checkOut("tok_refund_fails")).order;
  for (const quantity of [1, 1]) {
    assertEquals((await refundUnits(app, staff, waiting.id, 1, quantity)).body.status, "pending");
  }
  assertEquals(standing((await read(app, user, waiting.id)).body), ["PAID PAID UNFULFILLED", 3, [0]]);
  const tooMany = await ship(app, staff, waiting.id, [{ line: 1, quantity: 2 }]);
  assertEquals([tooMany.status, tooMany.body.errors[0].unshipped], [422, 1]);
  await patch(app, staff, waiting.id, { status: "PROCESSING" });
  const whole = await patch(app, staff, waiting.id, { status: "SHIPPED" });
  assertEquals([whole.status, whole.body.errors[0].code], [409, "refund_under_way"]);
  assertEquals((await ship(app, staff, waiting.id)).body.items, [{ line: 1, sku, quantity: 1 }]);
  const rest = await ship(app, staff, waiting.id);
  assertEquals([rest.status, rest.body.errors[0].code], [422, "refund_under_way"]);
  for (let i = 0; i < 2; i++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  assertEquals(standing((await read(app, user, waiting.id)).body), [
    "SHIPPED PARTIALLY_REFUNDED SHIPPED",
    1,
    [2],
  ]);
  assertEquals(await reserved(app, sku), 0);

  const whollyRefunded = (await shop.checkOut("tok_refund_fails")).order;
  assertEquals((await tryToRefund(app, staff, whollyRefunded.id)).body.status, "pending");
  assertEquals((await ship(app, staff, whollyRefunded.id)).body.errors[0].code, "refund_under_way");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("While the refund of a unit that came back waits, those of its line that are still to be sent leave", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { order } = await shop.checkOut("tok_refund_fails");
  await ship(app, staff, order.id, [{ line: 1, quantity: 1 }]);
  const { id } = (await ask(app, user, order.id, 1)).body;
  await change(app, staff, id, { status: "approved" });
  assertEquals((await receive(app, staff, id, [1, 0], { refund: true })).body.refund.status, "pending");
  assertEquals((await ship(app, staff, order.id)).body.items, [{ line: 1, sku, quantity: 2 }]);
  await letItEnd(shop);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "SHIPPED PARTIALLY_REFUNDED PARTIALLY_RETURNED",
    3,
    [0],
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Nothing leaves while all the money is on its way back, of units that were returned as of the rest", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { order } = await shop.checkOut("tok_refund_fails");
  assertEquals((await ship(app, staff, order.id, [{ line: 1, quantity: 1 }])).status, 201);
  const { id } = (await ask(app, user, order.id, 1)).body;
  await change(app, staff, id, { status: "approved" });
  const returned = await receive(app, staff, id, [1, 0], { refund: true });
  assertEquals(returned.body.refund.status, "pending");
  const rest = (await tryToRefund(app, staff, order.id)).body;
  assertEquals([rest.status, rest.amount], ["pending", TOTAL - returned.body.refund.amount]);
  const late = await ship(app, staff, order.id);
  assertEquals([late.status, late.body.errors?.[0].code], [422, "refund_under_way"]);
  await letItEnd(shop);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "REFUNDED REFUNDED PARTIALLY_RETURNED",
    3,
    [0],
  ]);
  assertEquals((await levelOf(app, sku)).available, 100_000);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refund that succeeds after its order was cancelled frees no stock a second time", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, pass } = shop;
  const { order } = await shop.checkOut("tok_refund_fails");
  assertEquals((await refundUnits(app, staff, order.id, 1, 2)).body.status, "pending");
  await patch(app, staff, order.id, { status: "CANCELLED" });
  assertEquals(await reserved(app, sku), 0);
  for (let i = 0; i < 2; i++) {
    await pass(5 * MINUTE_MS);
    await sweep(app);
  }
  const after = (await read(app, user, order.id)).body;
  assert(after.amount_refunded > 0);
  assertEquals(standing(after).slice(1), [3, [0]], "an order that is over sends nothing anyway");
  assertEquals(await reserved(app, sku), 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order of which all units were refunded before they left ends REFUNDED, though it keeps what shipping cost", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { order } = await shop.checkOut("tok_success");
  await refundUnits(app, staff, order.id, 1, 2);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID PARTIALLY_REFUNDED UNFULFILLED", 1, [
    2,
  ]]);
  assertEquals(await reserved(app, sku), 1);
  await refundUnits(app, staff, order.id, 1, 1);
  const ended = (await read(app, user, order.id)).body;
  assertEquals(standing(ended), ["REFUNDED PARTIALLY_REFUNDED UNFULFILLED", 0, [3]]);
  assertEquals([ended.amount_paid - ended.amount_refunded, ended.amount_due], [600, 0]);
  assertEquals(await reserved(app, sku), 0);
  assertEquals((await ship(app, staff, order.id)).status, 409);
  await assertBooksBalance(app.deps.sql);
  assertEquals((await tryToRefund(app, staff, order.id)).body.amount, 600);
  assertEquals((await read(app, user, order.id)).body.payment_status, "REFUNDED");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order whose units were all refunded before it was paid in full waits for the rest no longer than others", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, pass } = shop;
  const { order, payment } = await shop.checkOut("tok_success", { capture_method: "manual" });
  await capture(app, staff, payment.id, 5996); // all but shipping
  await refundUnits(app, staff, order.id, 1, 3);
  const waiting = (await read(app, user, order.id)).body;
  assertEquals([standing(waiting), waiting.amount_due], [["PENDING REFUNDED UNFULFILLED", 0, [3]], 600]);
  assertEquals(await reserved(app, sku), 0);
  await assertBooksBalance(app.deps.sql);
  await pass(8 * DAY_MS);
  await sweep(app);
  assertEquals(await expire(app), 1);
  const over = (await read(app, user, order.id)).body;
  assertEquals([standing(over), over.amount_due], [["EXPIRED REFUNDED UNFULFILLED", 0, [3]], 0]);
  assertEquals(await reserved(app, sku), 0);
  await assertBooksBalance(app.deps.sql);
});
