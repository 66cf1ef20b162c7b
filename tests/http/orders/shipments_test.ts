import { assert, assertEquals } from "@std/assert";
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

const ship = (app: TestApp, user: TestUser, id: string, body: unknown = {}, key?: string): Promise<Answer> =>
  app.request("POST", `/v1/orders/${id}/shipments`, {
    token: user.token,
    body,
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });

const changeShipment = (
  app: TestApp,
  user: TestUser,
  id: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => app.request("PATCH", `/v1/shipments/${id}`, { token: user.token, body, headers });

/** An order that staff have taken to PAID. */
async function placePaid(app: TestApp, staff: TestUser, owner: TestUser, quantities: Record<string, number>) {
  const { id } = await place(app, owner, quantities);
  const { status, body } = await patch(app, staff, id, { status: "PAID" });
  assertEquals(status, 200);
  return body;
}

const standing = ({ status, fulfilment_status, units_shipped, units_delivered }: Answer["body"]) =>
  `${status} ${fulfilment_status} ${units_shipped} ${units_delivered}`;

Deno.test("An order leaves in parts: stock, statuses, units and what its lines have still to send follow each of them", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app, { stock: 10 }), await addProduct(app, { stock: 10 })];
  const order = await placePaid(app, staff, owner, { [a.sku]: 3, [b.sku]: 2 });
  const level = async (sku: string) => {
    const { on_hand, reserved } = await levelOf(app, sku);
    return [on_hand, reserved];
  };
  const now = async () => standing((await read(app, owner, order.id)).body);
  const shipped = async () =>
    (await read(app, owner, order.id)).body.items.map((item: { shipped: number }) => item.shipped);
  assertEquals(await shipped(), [0, 0]);

  const first = await ship(app, staff, order.id, {
    items: [{ line: 1, quantity: 1 }, { line: 2, quantity: 2 }],
    carrier: "DHL",
    tracking_number: "00340434161094015902",
  });
  assertEquals([first.status, first.headers.get("ETag")], [201, '"1"']);
  assertEquals(first.headers.get("Location"), `/v1/shipments/${first.body.id}`);
  assertEquals({ ...first.body, id: "", shipped_at: "", updated_at: "" }, {
    id: "",
    order_id: order.id,
    status: "shipped",
    items: [{ line: 1, sku: a.sku, quantity: 1 }, { line: 2, sku: b.sku, quantity: 2 }],
    carrier: "DHL",
    tracking_number: "00340434161094015902",
    tracking_url: null,
    weight_grams: null,
    version: 1,
    shipped_at: "",
    delivered_at: null,
    cancelled_at: null,
    updated_at: "",
  });
  assertEquals((await eventsOf(app, "shipment", first.body.id)).map(({ data }) => data), [first.body]);
  assertEquals([await now(), await shipped()], ["PROCESSING PARTIALLY_SHIPPED 3 0", [1, 2]]);
  assertEquals([await level(a.sku), await level(b.sku)], [[9, 2], [8, 0]]);

  const second = await ship(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  assertEquals([await now(), await shipped()], ["PROCESSING PARTIALLY_SHIPPED 4 0", [2, 2]]);
  const { data } = (await eventsOf(app, "order", order.id)).at(-1)!;
  const told = [{ line: 1, sku: a.sku, quantity: 2 }, { line: 2, sku: b.sku, quantity: 2 }];
  assertEquals([data.shipped_units, data.returned_units], [told, undefined]);
  assertEquals(data.changes.shipped_units, { from: [{ ...told[0], quantity: 1 }, told[1]], to: told });
  const rest = await ship(app, staff, order.id);
  assertEquals(rest.body.items, [{ line: 1, sku: a.sku, quantity: 1 }]);
  assertEquals([await now(), await shipped()], ["SHIPPED SHIPPED 5 0", [3, 2]]);
  assertEquals([await level(a.sku), await level(b.sku)], [[7, 0], [8, 0]]);

  const all = await app.request("GET", `/v1/orders/${order.id}/shipments`, { token: owner.token });
  assertEquals([all.status, all.body], [200, {
    data: [first.body, second.body, rest.body],
    next_cursor: null,
  }]);
  const moves = await app.deps.sql`
    select sku, kind, on_hand_delta, reserved_delta from stock_movements
    where order_id = ${order.id} and kind = 'shipment' order by sku, version`;
  assertEquals(moves.map((move) => Object.values(move)), [
    [a.sku, "shipment", -1, -1],
    [a.sku, "shipment", -1, -1],
    [a.sku, "shipment", -1, -1],
    [b.sku, "shipment", -2, -2],
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("The order is DELIVERED when the last of its shipments is, and each counts once", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const order = await placePaid(app, staff, owner, { [sku]: 3 });
  const one = (await ship(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] })).body;
  const now = async () => standing((await read(app, owner, order.id)).body);

  const arrived = await changeShipment(app, staff, one.id, { status: "delivered" });
  assertEquals([arrived.status, arrived.body.status, arrived.headers.get("ETag")], [200, "delivered", '"2"']);
  assertEquals(arrived.body.delivered_at, arrived.body.updated_at);
  assertEquals(await now(), "PROCESSING PARTIALLY_SHIPPED 1 1");
  assertEquals((await changeShipment(app, staff, one.id, { status: "delivered" })).body, arrived.body);
  assertEquals(await now(), "PROCESSING PARTIALLY_SHIPPED 1 1");

  const rest = (await ship(app, staff, order.id)).body;
  assertEquals(await now(), "SHIPPED SHIPPED 3 1");
  const { version } = (await read(app, owner, order.id)).body;
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => changeShipment(app, staff, rest.id, { status: "delivered" })),
  );
  assertEquals(tally(answers), { 200: 10 });
  assertEquals(await now(), "DELIVERED DELIVERED 3 3");
  assertEquals((await read(app, owner, order.id)).body.version, version + 1);
  assertEquals(
    (await eventsOf(app, "shipment", rest.id)).map(({ type, sequence, user_id, data }) =>
      [type, sequence, user_id, data.status, Object.keys(data.changes ?? {})].flat()
    ),
    [
      ["shipment.created", 1, owner.id, "shipped"],
      ["shipment.updated", 2, owner.id, "delivered", "status", "delivered_at"],
    ],
  );
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Staff who set an order to SHIPPED send the rest of it, and to DELIVERED deliver all of it", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 10 });
  const order = await placePaid(app, staff, owner, { [sku]: 5 });
  const part = (await ship(app, staff, order.id, { items: [{ line: 1, quantity: 2 }] })).body;
  await patch(app, staff, order.id, { status: "SHIPPED" });
  const shipments = async () =>
    (await app.request("GET", `/v1/orders/${order.id}/shipments`, { token: staff.token })).body.data;
  assertEquals((await shipments()).map(({ items }: Answer["body"]) => items[0].quantity), [2, 3]);
  const { on_hand, reserved } = await levelOf(app, sku);
  assertEquals([on_hand, reserved], [5, 0]);
  await changeShipment(app, staff, part.id, { status: "delivered" });
  const done = (await patch(app, staff, order.id, { status: "DELIVERED" })).body;
  assertEquals(standing(done), "DELIVERED DELIVERED 5 5");
  assertEquals((await shipments()).map(({ status, version }: Answer["body"]) => [status, version]), [
    ["delivered", 2],
    ["delivered", 2],
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("More than is left is refused with what is, a line of no order by name, and then nothing leaves", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 10 });
  const order = await placePaid(app, staff, owner, { [sku]: 3 });
  await ship(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  const before = [(await read(app, owner, order.id)).body, await levelOf(app, sku)];
  const twice = await ship(app, staff, order.id, {
    items: [{ line: 1, quantity: 1 }, { line: 1, quantity: 2 }],
  });
  assertEquals([twice.status, twice.body.code], [422, "shipment_refused"]);
  assertEquals(twice.body.errors[0], {
    pointer: "/items/0/quantity",
    code: "more_than_unshipped",
    message: "2 units of line 1 are left to be shipped, and not being refunded.",
    line: 1,
    requested: 3,
    unshipped: 2,
  });
  const unknown = await ship(app, staff, order.id, { items: [{ line: 2, quantity: 1 }] });
  assertEquals([unknown.status, unknown.body.errors[0].code], [422, "unknown_line"]);
  for (
    const [body, pointer] of [
      [{ items: [] }, "/items"],
      [{ items: [{ line: 0, quantity: 1 }] }, "/items/0/line"],
      [{ items: [{ line: 1, quantity: 0 }] }, "/items/0/quantity"],
      [{ items: [{ line: 1, quantity: 1, sku }] }, "/items/0/sku"],
      [{ tracking_url: "javascript:alert(1)" }, "/tracking_url"],
      [{ weight_grams: 0 }, "/weight_grams"],
      [{ status: "delivered" }, "/status"],
    ] as const
  ) {
    const answer = await ship(app, staff, order.id, body);
    assertEquals([answer.status, answer.body.errors[0].pointer], [422, pointer], JSON.stringify(body));
  }
  assertEquals([(await read(app, owner, order.id)).body, await levelOf(app, sku)], before);
});

Deno.test("Only what is PAID or PROCESSING can be shipped", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const ways = [[], ["CANCELLED"], ["PAID", "REFUNDED"], ["PAID", "PROCESSING", "SHIPPED"]];
  for (const way of ways) {
    const { id } = await place(app, owner, { [sku]: 1 });
    await takeThrough(app, staff, id, way);
    const refused = await ship(app, staff, id);
    const status = way.at(-1) ?? "PENDING";
    assertEquals([refused.status, refused.body.code, refused.body.errors[0].status], [
      409,
      "invalid_transition",
      status,
    ]);
  }
  const { id } = await placePaid(app, staff, owner, { [sku]: 1 });
  await patch(app, staff, id, { status: "PROCESSING" });
  assertEquals((await ship(app, staff, id)).status, 201);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order of which a part was shipped cannot be cancelled, but refunded, and the rest is free again", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 10 });
  const order = await placePaid(app, staff, owner, { [sku]: 3 });
  await ship(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] });
  const patched = await patch(app, staff, order.id, { status: "CANCELLED" });
  const cancelled = await app.request("POST", `/v1/orders/${order.id}/cancellation`, { token: staff.token });
  for (const [{ status, body }, pointer] of [[patched, "/status"], [cancelled, ""]] as const) {
    assertEquals([status, body.code, body.errors[0].pointer], [409, "invalid_transition", pointer]);
  }
  assertEquals((await levelOf(app, sku)).reserved, 2);
  const refunded = (await patch(app, staff, order.id, { status: "REFUNDED" })).body;
  assertEquals(standing(refunded), "REFUNDED PARTIALLY_SHIPPED 1 0");
  const { on_hand, reserved } = await levelOf(app, sku);
  assertEquals([on_hand, reserved], [9, 0]);
  assertEquals((await ship(app, staff, order.id)).status, 409);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Twenty shipments of one order at once, from two processes, never ship more than there is", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 100 });
  const order = await placePaid(app, staff, owner, { [sku]: 7 });
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => ship(i % 2 ? app : other, staff, order.id, { items: [{ line: 1, quantity: 2 }] }),
    ),
  );
  // Three shipments of two; one unit is left, of which two cannot leave.
  assertEquals(tally(answers), { 201: 3, "422 shipment_refused": 17 });
  assertEquals(standing((await read(app, owner, order.id)).body), "PROCESSING PARTIALLY_SHIPPED 6 0");
  const rest = await Promise.all(
    Array.from({ length: 20 }, (_, i) => ship(i % 2 ? app : other, staff, order.id)),
  );
  assertEquals(tally(rest), { 201: 1, "409 invalid_transition": 19 });
  const { on_hand, reserved } = await levelOf(app, sku);
  assertEquals([on_hand, reserved], [93, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of a shipment and a cancellation that race exactly one is done, and the stock agrees", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 100 });
  for (let round = 0; round < 10; round++) {
    const { id } = await placePaid(app, staff, owner, { [sku]: 1 });
    const [shipped, cancelled] = await Promise.all([
      ship(app, staff, id),
      patch(app, staff, id, { status: "CANCELLED" }),
    ]);
    assertEquals([shipped.status, cancelled.status].sort(), shipped.status === 201 ? [201, 409] : [200, 409]);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A shipment that is asked for twice with one key leaves once", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 10 });
  const order = await placePaid(app, staff, owner, { [sku]: 4 });
  const body = { items: [{ line: 1, quantity: 2 }] };
  const answers = await Promise.all(Array.from({ length: 8 }, () => ship(app, staff, order.id, body, "one")));
  assertEquals(tally(answers), { 201: 8 });
  assertEquals(new Set(answers.map(({ body }) => body.id)).size, 1);
  assertEquals(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true").length, 7);
  assertEquals((await ship(app, staff, order.id, {}, "one")).body.code, "idempotency_key_reused");
  const another = await placePaid(app, staff, owner, { [sku]: 2 });
  assertEquals((await ship(app, staff, another.id, body, "one")).body.code, "idempotency_key_reused");
  assertEquals((await levelOf(app, sku)).on_hand, 8);
  assertEquals(standing((await read(app, owner, order.id)).body), "PROCESSING PARTIALLY_SHIPPED 2 0");
});

Deno.test("Tracking changes at the version that was meant; what changes nothing keeps the version", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const order = await placePaid(app, staff, owner, { [sku]: 1 });
  const { id } = (await ship(app, staff, order.id, { carrier: "DHL", weight_grams: 900 })).body;
  const { version } = (await read(app, owner, order.id)).body;
  const tracked = await changeShipment(app, staff, id, {
    tracking_url: "https://example.com/1Z",
    carrier: null,
  }, { "If-Match": '"1"' });
  assertEquals([tracked.status, tracked.headers.get("ETag")], [200, '"2"']);
  const { tracking_url, carrier, weight_grams } = tracked.body;
  assertEquals([tracking_url, carrier, weight_grams], ["https://example.com/1Z", null, 900]);
  const late = await changeShipment(app, staff, id, { carrier: "UPS" }, { "If-Match": '"1"' });
  assertEquals([late.status, late.body.code], [412, "version_mismatch"]);
  for (const same of [{}, { weight_grams: 900 }, { carrier: null }]) {
    assertEquals((await changeShipment(app, staff, id, same)).body, tracked.body);
  }
  assertEquals((await changeShipment(app, staff, id, { status: "shipped" })).status, 422);
  assertEquals((await changeShipment(app, staff, id, { items: [] })).status, 422);
  assertEquals((await read(app, owner, order.id)).body.version, version, "tracking is none of the order's");
  assertEquals((await eventsOf(app, "shipment", id)).length, 2);
  const known = await app.request("GET", `/v1/shipments/${id}`, {
    token: owner.token,
    headers: { "If-None-Match": '"2"' },
  });
  assertEquals([known.status, known.body], [304, ""]);
  const changes = Array.from(
    { length: 5 },
    (_, n) => changeShipment(app, staff, id, { weight_grams: n + 1 }),
  );
  const versions = (await Promise.all(changes)).map(({ body }) => body.version);
  assertEquals(versions.toSorted(), [3, 4, 5, 6, 7], "changes at once come one after the other");
});

Deno.test("Owners see their shipments and change none; of another's nobody learns that there are any", async () => {
  await using app = await startTestApp();
  const [owner, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const order = await placePaid(app, staff, owner, { [sku]: 2 });
  const shipment = (await ship(app, staff, order.id, { items: [{ line: 1, quantity: 1 }] })).body;
  const get = (user: TestUser, path: string) => app.request("GET", path, { token: user.token });
  for (const path of [`/v1/shipments/${shipment.id}`, `/v1/orders/${order.id}/shipments`]) {
    for (const user of [owner, staff]) assertEquals((await get(user, path)).status, 200);
    const [foreign, missing] = [
      await get(other, path),
      await get(other, path.replace(/[0-9a-f-]{36}/, newId())),
    ];
    assertEquals([foreign.status, foreign.body.detail], [404, missing.body.detail]);
    assert(missing.body.detail.includes(path.includes("orders") ? "order" : "shipment"));
    assertEquals((await app.request("GET", path)).status, 401);
  }
  assertEquals((await get(owner, `/v1/shipments/${shipment.id}`)).body, shipment);
  for (const user of [owner, other]) {
    assertEquals((await ship(app, user, order.id)).status, 403);
    assertEquals((await changeShipment(app, user, shipment.id, { status: "delivered" })).status, 403);
  }
  assertEquals((await ship(app, staff, newId())).status, 404);
  assertEquals((await changeShipment(app, staff, newId(), { carrier: "DHL" })).status, 404);
  assertEquals((await get(owner, `/v1/shipments/${shipment.id}`)).body, shipment);
});
