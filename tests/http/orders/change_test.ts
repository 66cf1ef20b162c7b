import { assertEquals } from "@std/assert";
import { ORDER_STATUSES, type OrderStatus } from "../../../src/orders/order.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  levelOf,
  patch,
  place,
  read,
  SHIP_TO,
  tally,
} from "../../support/orders.ts";

/** How staff bring an order from PENDING to each status that can be reached through the API. */
const WAY: Partial<Record<OrderStatus, OrderStatus[]>> = {
  PENDING: [],
  PAID: ["PAID"],
  PROCESSING: ["PAID", "PROCESSING"],
  SHIPPED: ["PAID", "PROCESSING", "SHIPPED"],
  DELIVERED: ["PAID", "PROCESSING", "SHIPPED", "DELIVERED"],
  CANCELLED: ["CANCELLED"],
  REFUNDED: ["PAID", "REFUNDED"],
};
const NEXT: Partial<Record<OrderStatus, OrderStatus[]>> = {
  PENDING: ["PAID", "CANCELLED"],
  PAID: ["PROCESSING", "CANCELLED", "REFUNDED"],
  PROCESSING: ["SHIPPED", "CANCELLED", "REFUNDED"],
  SHIPPED: ["DELIVERED", "REFUNDED"],
  DELIVERED: ["REFUNDED"],
};

async function placeAs(app: TestApp, staff: TestUser, owner: TestUser, sku: string, status: OrderStatus) {
  let order = await place(app, owner, { [sku]: 2 });
  for (const step of WAY[status]!) order = (await patch(app, staff, order.id, { status: step })).body;
  assertEquals(order.status, status);
  return order;
}

for (const from of Object.keys(WAY) as OrderStatus[]) {
  Deno.test(`From ${from} staff reach ${NEXT[from]?.join(" or ") ?? "nothing"}, and owners at most CANCELLED`, async () => {
    await using app = await startTestApp();
    const [staff, owner] = [await app.user("staff"), await app.user()];
    const { sku } = await addProduct(app, { stock: 1000 });
    for (const to of ORDER_STATUSES.filter((to) => to !== from)) {
      const order = await placeAs(app, staff, owner, sku, from);
      const possible = NEXT[from]?.includes(to) ?? false;
      const byOwner = await patch(app, owner, order.id, { status: to });
      if (from === "PENDING" && to === "CANCELLED") {
        assertEquals([byOwner.status, byOwner.body.status], [200, "CANCELLED"]);
        continue;
      }
      const isKnown = possible || (from === "PENDING" && to === "EXPIRED");
      assertEquals(
        [byOwner.status, byOwner.body.code],
        isKnown ? [403, "forbidden"] : [409, "invalid_transition"],
      );
      const byStaff = await patch(app, staff, order.id, { status: to });
      if (possible) {
        assertEquals([byStaff.status, byStaff.body.status], [200, to]);
        assertEquals([byStaff.body.version, byStaff.headers.get("ETag")], [
          order.version + 1,
          `"${order.version + 1}"`,
        ]);
      } else {
        assertEquals(byStaff.status, to === "EXPIRED" && from === "PENDING" ? 403 : 409);
        assertEquals((await read(app, staff, order.id)).body, order, "a refusal changes nothing");
      }
    }
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("Cancelling frees the stock, shipping takes it away, the other steps leave it alone", async () => {
  await using app = await startTestApp();
  const [staff, owner] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app, { stock: 10 });
  const level = async () => {
    const { on_hand, reserved, available } = await levelOf(app, sku);
    return [on_hand, reserved, available];
  };
  const shipped = await place(app, owner, { [sku]: 3 });
  const cancelled = await place(app, owner, { [sku]: 2 });
  assertEquals(await level(), [10, 5, 5]);
  await patch(app, staff, shipped.id, { status: "PAID" });
  await patch(app, staff, shipped.id, { status: "PROCESSING" });
  assertEquals(await level(), [10, 5, 5]);
  await patch(app, staff, shipped.id, { status: "SHIPPED" });
  assertEquals(await level(), [7, 2, 5]);
  await patch(app, owner, cancelled.id, { status: "CANCELLED" });
  assertEquals(await level(), [7, 0, 7]);
  await patch(app, staff, shipped.id, { status: "DELIVERED" });
  await patch(app, staff, shipped.id, { status: "REFUNDED" });
  assertEquals(await level(), [7, 0, 7]);
  const final = (await read(app, owner, shipped.id)).body;
  assertEquals([final.payment_status, final.fulfilment_status], ["REFUNDED", "DELIVERED"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Note, metadata and address change together, and what is left out stays", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 }, { metadata: { keep: "1", drop: "2" }, note: "Old" });
  const ship_to = { ...SHIP_TO, city: "Bonn", postal_code: undefined };
  const { status, body } = await patch(app, owner, order.id, { ship_to, metadata: { drop: null, add: "3" } });
  assertEquals(status, 200);
  assertEquals(body, {
    ...order,
    ship_to: JSON.parse(JSON.stringify(ship_to)),
    metadata: { keep: "1", add: "3" },
    version: 2,
    updated_at: body.updated_at,
  });
  assertEquals((await read(app, owner, order.id)).body, body);
  assertEquals((await patch(app, owner, order.id, { note: null })).body.note, null);
});

Deno.test("The address stays once an order is paid", async () => {
  await using app = await startTestApp();
  const [staff, owner] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app);
  const order = await placeAs(app, staff, owner, sku, "PAID");
  for (const user of [staff, owner]) {
    const { status, body } = await patch(app, user, order.id, {
      ship_to: { ...SHIP_TO, city: "Bonn" },
      note: "x",
    });
    assertEquals([status, body.code, body.errors[0].pointer], [409, "invalid_transition", "/ship_to"]);
  }
  assertEquals((await read(app, owner, order.id)).body, order);
});

Deno.test("A change that changes nothing answers 200 with the same version and writes no event", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 }, { note: "x", metadata: { a: "1" } });
  for (
    const same of [{}, { note: "x" }, { status: "PENDING" }, { metadata: { a: "1", b: null } }, {
      ship_to: SHIP_TO,
    }]
  ) {
    const { status, body, headers } = await patch(app, owner, order.id, same);
    assertEquals([status, body, headers.get("ETag")], [200, order, '"1"']);
  }
  assertEquals((await eventsOf(app, "order", order.id)).length, 1);
});

Deno.test("If-Match lets a change through at its version only", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 });
  const change = (note: string, tag: string) => patch(app, owner, order.id, { note }, { "If-Match": tag });
  const first = await change("one", '"1"');
  assertEquals([first.status, first.headers.get("ETag")], [200, '"2"']);
  const late = await change("two", '"1"');
  assertEquals([late.status, late.body.code], [412, "version_mismatch"]);
  assertEquals((await change("one", '"1"')).status, 412, "even where nothing would change");
  assertEquals((await change("three", "*")).status, 200);
  assertEquals((await change("four", "3")).status, 422);
  assertEquals((await change("four", 'W/"3"')).status, 422);
  assertEquals((await read(app, owner, order.id)).body.note, "three");
});

Deno.test("Of fifty changes at once to one version exactly one is made", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 });
  const answers = await Promise.all(
    Array.from(
      { length: 50 },
      (_, i) => patch(app, owner, order.id, { note: `n${i}` }, { "If-Match": '"1"' }),
    ),
  );
  assertEquals(tally(answers), { 200: 1, "412 version_mismatch": 49 });
  assertEquals((await eventsOf(app, "order", order.id)).length, 2);
});

Deno.test("Fifty changes at once to different keys of the metadata are all kept", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 });
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => patch(app, owner, order.id, { metadata: { [`k${i}`]: "v" } })),
  );
  const { body } = await read(app, owner, order.id);
  assertEquals([Object.keys(body.metadata).length, body.version], [50, 51]);
});

Deno.test("What an order is made of cannot be changed", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app);
  const order = await place(app, staff, { [sku]: 1 });
  const wrong: Record<string, unknown> = {
    items: [],
    total_price: 1,
    user_id: staff.id,
    payment_status: "PAID",
    version: 9,
    number: "WB-1",
    currency: "USD",
    placed_at: order.placed_at,
  };
  for (const [field, value] of Object.entries(wrong)) {
    const { status, body } = await patch(app, staff, order.id, { [field]: value });
    assertEquals([status, body.errors[0].pointer], [422, `/${field}`]);
  }
  const misplaced = await patch(app, staff, order.id, { status: "PAID", cancel_reason: "x" });
  assertEquals([misplaced.status, misplaced.body.errors[0].pointer], [422, "/cancel_reason"]);
  const manyKeys = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, "v"]));
  assertEquals((await patch(app, staff, order.id, { metadata: manyKeys })).status, 422);
  assertEquals((await read(app, staff, order.id)).body, order);
});

Deno.test("Another's order cannot be changed or cancelled, and is not said to exist", async () => {
  await using app = await startTestApp();
  const [owner, other] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 });
  const missing = await patch(app, other, "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11", { note: "x" });
  const foreign = await patch(app, other, order.id, { note: "x" });
  assertEquals([foreign.status, foreign.body.detail], [404, missing.body.detail]);
  assertEquals((await patch(app, other, order.id, { note: "x" }, { "If-Match": '"7"' })).status, 404);
  const cancelled = await app.request("POST", `/orders/${order.id}/cancellation`, { token: other.token });
  assertEquals(cancelled.status, 404);
  assertEquals((await read(app, owner, order.id)).body, order);
});
