import { assert, assertEquals, assertRejects } from "@std/assert";
import { ProviderError } from "../../../src/payments/providers/provider.ts";
import { newId } from "../../../src/platform/id.ts";
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
  tally,
} from "../../support/orders.ts";
import { payThrough, sandboxOf, startPaidShop, sweep, tryToRefund } from "../../support/payments.ts";

const items = (quantity: number, line = 1) => ({ items: [{ line, quantity }] });

async function ship(app: TestApp, staff: TestUser, id: string, body: unknown = {}) {
  const answer = await app.request("POST", `/v1/orders/${id}/shipments`, { token: staff.token, body });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

const cancel = (
  app: TestApp,
  user: TestUser,
  id: string,
  headers: Record<string, string> = {},
): Promise<Answer> => app.request("POST", `/v1/shipments/${id}/cancellation`, { token: user.token, headers });

const deliver = (app: TestApp, user: TestUser, id: string): Promise<Answer> =>
  app.request("PATCH", `/v1/shipments/${id}`, { token: user.token, body: { status: "delivered" } });

const askBack = (app: TestApp, owner: TestUser, id: string, quantity = 1, line = 1): Promise<Answer> =>
  app.request("POST", `/v1/orders/${id}/returns`, {
    token: owner.token,
    body: { ...items(quantity, line), reason: "Too small" },
  });

async function placePaid(app: TestApp, staff: TestUser, owner: TestUser, quantities: Record<string, number>) {
  const { id } = await place(app, owner, quantities);
  return await takeThrough(app, staff, id, ["PAID"]);
}

const standing = ({ status, fulfilment_status, units, units_shipped, units_delivered }: Answer["body"]) =>
  `${status} ${fulfilment_status} ${units} ${units_shipped} ${units_delivered}`;

const stockOf = async (app: TestApp, sku: string) => {
  const { on_hand, reserved } = await levelOf(app, sku);
  return [on_hand, reserved];
};

/** What a refusal says: its status and code, and the codes of what is wrong. */
const refusalOf = ({ status, body }: Answer) =>
  [status, body.code, ...body.errors.map(({ code }: { code: string }) => code)].join(" ");

Deno.test("A shipment that is cancelled never left: stock, order and log say so, and its units can be sent again", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app, { stock: 10 }), await addProduct(app, { stock: 10 })];
  const order = await placePaid(app, staff, owner, { [a.sku]: 3, [b.sku]: 2 });
  const now = async () => standing((await read(app, owner, order.id)).body);
  const stock = async () => [await stockOf(app, a.sku), await stockOf(app, b.sku)];

  const first = await ship(app, staff, order.id, items(1));
  const before = [await now(), await stock()];
  assertEquals(before, ["PROCESSING PARTIALLY_SHIPPED 5 1 0", [[9, 2], [10, 2]]]);
  const wrong = await ship(app, staff, order.id);
  assertEquals([await now(), await stock()], ["SHIPPED SHIPPED 5 5 0", [[7, 0], [8, 0]]]);

  const stale = await cancel(app, staff, wrong.id, { "If-Match": '"7"' });
  assertEquals([stale.status, stale.body.code], [412, "version_mismatch"]);
  const { status, headers, body } = await cancel(app, staff, wrong.id, { "If-Match": '"1"' });
  assertEquals([status, headers.get("ETag")], [200, '"2"']);
  const { updated_at, cancelled_at } = body;
  assertEquals(body, { ...wrong, status: "cancelled", version: 2, updated_at, cancelled_at });
  assertEquals(cancelled_at, updated_at);
  assertEquals([await now(), await stock()], before);
  const got = await app.request("GET", `/v1/shipments/${wrong.id}`, { token: owner.token });
  assertEquals(got.body, body);

  const { version } = (await read(app, owner, order.id)).body;
  assertEquals((await cancel(app, staff, wrong.id)).body, body, "again it changes nothing");
  assertEquals((await read(app, owner, order.id)).body.version, version);
  assertEquals((await eventsOf(app, "shipment", wrong.id)).map(({ type, data }) => [type, data.changes]), [
    ["shipment.created", undefined],
    ["shipment.cancelled", {
      status: { from: "shipped", to: "cancelled" },
      cancelled_at: { from: null, to: cancelled_at },
    }],
  ]);
  const { type, user_id, data } = (await eventsOf(app, "order", order.id)).at(-1)!;
  assertEquals([type, user_id, data.changes], ["order.updated", owner.id, {
    status: { from: "SHIPPED", to: "PROCESSING" },
    fulfilment_status: { from: "SHIPPED", to: "PARTIALLY_SHIPPED" },
    units_shipped: { from: 5, to: 1 },
    shipped_units: {
      from: [{ line: 1, sku: a.sku, quantity: 3 }, { line: 2, sku: b.sku, quantity: 2 }],
      to: [{ line: 1, sku: a.sku, quantity: 1 }],
    },
  }]);
  const { body: movements } = await app.request("GET", `/v1/inventory/${a.sku}/movements?limit=1`, {
    token: staff.token,
  });
  const { kind, on_hand_delta, reserved_delta, order_id } = movements.data[0];
  assertEquals([kind, on_hand_delta, reserved_delta, order_id], ["shipment_cancelled", 2, 2, order.id]);

  const again = await ship(app, staff, order.id);
  assertEquals(again.items, wrong.items);
  assertEquals([await now(), await stock()], ["SHIPPED SHIPPED 5 5 0", [[7, 0], [8, 0]]]);
  for (const { id } of [first, again]) await deliver(app, staff, id);
  assertEquals(await now(), "DELIVERED DELIVERED 5 5 5");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("However an order came to be SHIPPED, without its shipment it is PROCESSING and can be cancelled", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 10 });
  for (const way of [["PAID"], ["PAID", "PROCESSING"], ["PAID", "PROCESSING", "SHIPPED"]]) {
    const { id } = await place(app, owner, { [sku]: 2 });
    await takeThrough(app, staff, id, way);
    if (way.at(-1) !== "SHIPPED") await ship(app, staff, id, way.length === 1 ? items(1) : {});
    const { body: { data: [shipment] } } = await app.request("GET", `/v1/orders/${id}/shipments`, {
      token: staff.token,
    });
    assertEquals((await cancel(app, staff, shipment.id)).status, 200);
    const { body: after } = await read(app, owner, id);
    assertEquals([standing(after), after.items[0].shipped], ["PROCESSING UNFULFILLED 2 0 0", 0]);
    const { data } = (await eventsOf(app, "order", id)).at(-1)!;
    assertEquals([data.shipped_units, data.changes.shipped_units.to], [undefined, []]);
    assertEquals(await stockOf(app, sku), [10, 2]);
    await takeThrough(app, staff, id, ["CANCELLED"]);
    assertEquals(await stockOf(app, sku), [10, 0]);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What was delivered, came back or is to, and what an order that is over had sent, is not cancelled", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 100 });
  const shipped = async () => {
    const order = await placePaid(app, staff, owner, { [sku]: 2 });
    return { order, shipment: await ship(app, staff, order.id) };
  };
  const decide = (id: string, status: string) =>
    app.request("PATCH", `/v1/returns/${id}`, { token: staff.token, body: { status } });
  const REFUSED = "409 invalid_transition";

  const arrived = await shipped();
  await deliver(app, staff, arrived.shipment.id);
  const refused = await cancel(app, staff, arrived.shipment.id);
  assertEquals([refusalOf(refused), refused.body.errors[0].status], [
    `${REFUSED} invalid_transition`,
    "delivered",
  ]);

  const refunded = await shipped();
  await takeThrough(app, staff, refunded.order.id, ["REFUNDED"]);
  const over = await cancel(app, staff, refunded.shipment.id);
  assertEquals([refusalOf(over), over.body.errors[0].status], [`${REFUSED} invalid_transition`, "REFUNDED"]);

  const asked = await shipped();
  const { body: ret } = await askBack(app, owner, asked.order.id);
  for (const status of [undefined, "approved"]) {
    if (status) assertEquals((await decide(ret.id, status)).status, 200);
    const { body, ...answer } = await cancel(app, staff, asked.shipment.id);
    assertEquals(refusalOf({ body, ...answer }), `${REFUSED} returned`);
    const { pointer, line, returnable } = body.errors[0];
    assertEquals([pointer, line, returnable], ["path/id", 1, 1]);
  }
  const receipt = { items: [{ line: 1, restocked: 1 }] };
  const received = await app.request("POST", `/v1/returns/${ret.id}/receipt`, {
    token: staff.token,
    body: receipt,
  });
  assertEquals(received.status, 201);
  assertEquals(refusalOf(await cancel(app, staff, asked.shipment.id)), `${REFUSED} returned`);
  assertEquals(standing((await read(app, owner, asked.order.id)).body), "SHIPPED PARTIALLY_RETURNED 2 2 0");

  const rejected = await shipped();
  const { body: none } = await askBack(app, owner, rejected.order.id);
  await decide(none.id, "rejected");
  assertEquals((await cancel(app, staff, rejected.shipment.id)).status, 200);

  const parcels = await placePaid(app, staff, owner, { [sku]: 3 });
  const [kept, wrong] = [
    await ship(app, staff, parcels.id, items(1)),
    await ship(app, staff, parcels.id, items(2)),
  ];
  await deliver(app, staff, kept.id);
  await askBack(app, owner, parcels.id);
  const unclear = await cancel(app, staff, wrong.id);
  assertEquals(refusalOf(unclear), `${REFUSED} returned`, "be it a unit of the other parcel");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A cancelled shipment changes no more, is found as such, and is nobody's to cancel but staff's", async () => {
  await using app = await startTestApp();
  const [owner, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const order = await placePaid(app, staff, owner, { [sku]: 2 });
  const shipment = await ship(app, staff, order.id, { ...items(1), carrier: "DHL" });
  for (const user of [owner, other]) assertEquals((await cancel(app, user, shipment.id)).status, 403);
  assertEquals((await cancel(app, staff, newId())).status, 404);
  const { body } = await cancel(app, staff, shipment.id);
  for (const change of [{ status: "delivered" }, { carrier: "UPS" }]) {
    const answer = await app.request("PATCH", `/v1/shipments/${shipment.id}`, {
      token: staff.token,
      body: change,
    });
    assertEquals(refusalOf(answer), "409 invalid_transition invalid_transition");
  }
  const same = await app.request("PATCH", `/v1/shipments/${shipment.id}`, {
    token: staff.token,
    body: { carrier: "DHL" },
  });
  assertEquals([same.status, same.body], [200, body]);
  const rest = await ship(app, staff, order.id);
  await takeThrough(app, staff, order.id, ["DELIVERED"]);
  const found = async (status: string) => {
    const list = await app.request("GET", `/v1/shipments?status=${status}`, { token: staff.token });
    return list.body.data.map(({ id }: { id: string }) => id);
  };
  assertEquals([await found("shipped"), await found("delivered"), await found("cancelled")], [
    [],
    [rest.id],
    [shipment.id],
  ]);
  // As a process of the release before would have it.
  await assertRejects(
    () =>
      app.deps.sql`
      update shipments set status = 'delivered', delivered_at = now() where id = ${shipment.id}`.execute(),
    Error,
    "shipments_cancelled_check",
  );
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Units of a cancelled shipment that were refunded meanwhile are not sent any more, and free", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut } = shop;
  /** How the order stands, its cancelled units, and what became of its stock, as it had been placed. */
  const after = async (refunded: number, before?: (id: string) => Promise<unknown>) => {
    const { order } = await checkOut("tok_success");
    const [on_hand, reserved] = await stockOf(app, sku);
    await before?.(order.id);
    const { id } = await ship(app, staff, order.id);
    assertEquals((await tryToRefund(app, staff, order.id, items(refunded))).body.status, "succeeded");
    assertEquals((await cancel(app, staff, id)).status, 200);
    const { body } = await read(app, user, order.id);
    const [left, held] = await stockOf(app, sku);
    return [standing(body), body.items[0].cancelled, left! - on_hand!, held! - reserved!];
  };
  assertEquals(await after(1), ["PROCESSING UNFULFILLED 2 0 0", 1, 0, -1]);
  assertEquals(await after(3), ["REFUNDED UNFULFILLED 0 0 0", 3, 0, -3]);
  const oneArrived = async (id: string) =>
    await deliver(app, staff, (await ship(app, staff, id, items(1))).id);
  assertEquals(await after(1, oneArrived), ["PROCESSING PARTIALLY_SHIPPED 2 1 1", 1, -1, -2]);
  assertEquals(await after(2, oneArrived), ["DELIVERED DELIVERED 1 1 1", 2, -1, -3]);
  const oneRefunded = (id: string) => tryToRefund(app, staff, id, items(1));
  assertEquals(await after(1, oneRefunded), ["PROCESSING UNFULFILLED 1 0 0", 2, 0, -2]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A unit that came back and was refunded is none of those still to be sent, whichever other line's shipment is cancelled", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { sku: other } = await addProduct(app, { stock: 10 });
  const order = await place(app, staff, { [other]: 1, [sku]: 2 }, { user_id: user.id });
  await takeThrough(app, staff, order.id, ["PAID"]);
  const { id } = await ship(app, staff, order.id, items(1));
  await ship(app, staff, order.id, items(1, 2));
  const { body: back } = await askBack(app, user, order.id, 1, 2);
  await app.request("PATCH", `/v1/returns/${back.id}`, { token: staff.token, body: { status: "approved" } });
  const received = await app.request("POST", `/v1/returns/${back.id}/receipt`, {
    token: staff.token,
    body: { items: [{ line: 2, restocked: 1 }], refund: true },
  });
  assertEquals([received.status, received.body.refund.status], [201, "succeeded"]);

  assertEquals((await cancel(app, staff, id)).status, 200);
  assertEquals(standing((await read(app, user, order.id)).body), "PROCESSING PARTIALLY_RETURNED 3 1 0");
  assertEquals([await stockOf(app, other), await stockOf(app, sku)], [[10, 1], [100_000, 1]]);
  assertEquals((await ship(app, staff, order.id)).items, [{ line: 1, sku: other, quantity: 1 }, {
    line: 2,
    sku,
    quantity: 1,
  }]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Units whose refund was under way as their shipment was cancelled stay until it is known how it ends", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut, pass } = shop;
  const { order } = await checkOut("tok_success");
  const { id } = await ship(app, staff, order.id);
  const bank = sandboxOf(app);
  const silent = () => Promise.reject(new ProviderError("unknown", "timeout", "The bank did not answer."));
  payThrough(app, { ...bank, refund: silent });
  assertEquals((await tryToRefund(app, staff, order.id, items(1))).body.status, "pending");
  assertEquals((await cancel(app, staff, id)).status, 200);
  assertEquals(standing((await read(app, user, order.id)).body), "PROCESSING UNFULFILLED 3 0 0");
  assertEquals(await stockOf(app, sku), [100_000, 3]);
  assertEquals((await ship(app, staff, order.id)).items, [{ line: 1, sku, quantity: 2 }]);
  payThrough(app, bank);
  await pass(3_600_000);
  await sweep(app);
  assertEquals(standing((await read(app, user, order.id)).body), "SHIPPED SHIPPED 2 2 0");
  assertEquals(await stockOf(app, sku), [99_998, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of all who cancel a shipment at once, from two processes, one does, and the others see it done", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 10 });
  const order = await placePaid(app, staff, owner, { [sku]: 3 });
  const { id } = await ship(app, staff, order.id);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => cancel(i % 2 ? app : other, staff, id)),
  );
  assertEquals(tally(answers), { 200: 10 });
  assertEquals(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  assertEquals((await eventsOf(app, "shipment", id)).length, 2);
  assertEquals(await stockOf(app, sku), [10, 3]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of a cancellation that races a delivery, a return or a refund of the whole order one is done, or both agree", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 100 });
  const rivals: ((shipment: string, order: string) => Promise<Answer>)[] = [
    (shipment) => deliver(other, staff, shipment),
    (_, order) => askBack(other, owner, order),
    (_, order) => patch(other, staff, order, { status: "DELIVERED" }),
    // A shipment of what is left: there is something left once the other is cancelled.
    (_, order) =>
      other.request("POST", `/v1/orders/${order}/shipments`, { token: staff.token, body: items(1) }),
    (_, order) => patch(other, staff, order, { status: "REFUNDED" }),
  ];
  for (const [index, rival] of rivals.entries()) {
    for (let round = 0; round < 6; round++) {
      const { id: orderId } = await placePaid(app, staff, owner, { [sku]: 1 });
      const { id } = await ship(app, staff, orderId);
      const both = round % 2
        ? [() => rival(id, orderId), () => cancel(app, staff, id)]
        : [() => cancel(app, staff, id), () => rival(id, orderId)];
      const answers = await Promise.all(both.map((each) => each()));
      const [cancelled, rivalled] = round % 2 ? answers.toReversed() : answers;
      // From the row: the cache may be behind for a moment where the other process could not write to it.
      const [order] = await app.deps.sql`select status, fulfilment_status from orders where id = ${orderId}`;
      const states = Object.values(order!);
      const outcome = [index, cancelled!.status, rivalled!.status, ...states].join(" ");
      assert(
        [
          "0 200 409 PROCESSING UNFULFILLED",
          "0 409 200 DELIVERED DELIVERED",
          "1 200 422 PROCESSING UNFULFILLED",
          "1 409 201 SHIPPED SHIPPED",
          "2 200 409 PROCESSING UNFULFILLED",
          "2 409 200 DELIVERED DELIVERED",
          "3 200 409 PROCESSING UNFULFILLED",
          "3 200 201 SHIPPED SHIPPED",
          "4 200 200 REFUNDED UNFULFILLED",
          "4 409 200 REFUNDED SHIPPED",
        ].includes(outcome),
        outcome,
      );
    }
  }
  await assertBooksBalance(app.deps.sql);
});
