import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { foldOrder } from "../../../src/orders/as_of.ts";
import { ORDER_STATUSES } from "../../../src/orders/order.ts";
import { startTestApp } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  patch,
  place,
  read,
  SHIP_TO,
} from "../../support/orders.ts";

Deno.test("The order and each SKU that it moves have one event each, in one transaction", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const [a, b] = [await addProduct(app, { stock: 10 }), await addProduct(app, { stock: 20 })];
  const { status, body: order } = await app.request("POST", "/orders", {
    token: user.token,
    headers: { "X-Request-Id": "a-request-of-mine" },
    body: {
      items: [{ sku: a.sku, quantity: 2 }, { sku: b.sku, quantity: 1 }, { sku: a.sku, quantity: 1 }],
      currency: "EUR",
      ship_to: SHIP_TO,
      metadata: { z: "1", a: "2" },
    },
  });
  assertEquals(status, 201);
  const [created] = await eventsOf(app, "order", order.id);
  assertEquals(created, {
    type: "order.created",
    sequence: 1,
    user_id: user.id,
    actor: `user:${user.id}`,
    data: order,
  });
  const [moved] = await eventsOf(app, "inventory", `${a.sku}@default`);
  assertEquals(moved, {
    type: "inventory.updated",
    sequence: 2,
    user_id: user.id,
    actor: `user:${user.id}`,
    data: {
      sku: a.sku,
      location: "default",
      on_hand: 10,
      reserved: 3,
      available: 7,
      low_stock_threshold: null,
      kind: "reservation",
      on_hand_delta: 0,
      reserved_delta: 3,
      order_id: order.id,
      quote_id: null,
    },
  });
  const rows = await app.deps.sql`select xmin::text as transaction, request_id from events`;
  assertEquals(rows.length, 3);
  assertEquals(new Set(rows.map(({ transaction }) => transaction)).size, 1);
  assertEquals(rows.map(({ request_id }) => request_id), Array(3).fill("a-request-of-mine"));
});

Deno.test("A refusal leaves no event behind", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1 });
  const order = await place(app, user, { [sku]: 1 });
  const count = async () => (await app.deps.sql`select count(*) from events`)[0]!.count;
  const before = await count();
  await app.request("POST", "/orders", {
    token: user.token,
    body: { items: [{ sku, quantity: 1 }], currency: "EUR", ship_to: SHIP_TO },
  });
  await patch(app, staff, order.id, { status: "DELIVERED" });
  await patch(app, user, order.id, { status: "PAID" });
  await patch(app, user, order.id, { note: "x" }, { "If-Match": '"9"' });
  assertEquals(await count(), before);
});

const text = fc.string({ unit: "grapheme-ascii", maxLength: 10 }).map((value) => value.trim());
const step = fc.record({
  status: fc.constantFrom(...ORDER_STATUSES),
  note: fc.option(text),
  metadata: fc.dictionary(fc.constantFrom("a", "b", "10", "2"), fc.option(text), { maxKeys: 3 }),
  ship_to: fc.constantFrom({ ...SHIP_TO, city: "Bonn" }, { ...SHIP_TO, region: "BE", phone: "+49 30 1" }),
}, { requiredKeys: [] });

/** What an event says of a field; units of lines it leaves out where there are none. */
const said = (data: Record<string, unknown>, field: string) =>
  data[field] ?? (/^(cancelled|shipped|returned)_units$/.test(field) ? [] : data[field]);
/** The whole way, which few of the random ones go. */
const TO_THE_END = (["PAID", "PROCESSING", "SHIPPED", "DELIVERED"] as const)
  .map((status): [boolean, { status: typeof status }] => [true, { status }]);

Deno.test("Folding an order's events gives the stored order, after any changes", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1_000_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 12 }), async (steps) => {
      const order = await place(app, owner, { [sku]: 1 });
      let versions = 1;
      for (const [byStaff, change] of steps) {
        const { status, body } = await patch(app, byStaff ? staff : owner, order.id, change);
        if (status === 200) versions = body.version;
        else assertEquals([403, 409].includes(status), true, JSON.stringify(body));
      }
      const events = await eventsOf(app, "order", order.id);
      const [created, ...later] = events;
      let before = created!.data;
      for (const { data: { changes, ...header }, type } of later) {
        for (
          const [field, { from, to }] of Object.entries(
            changes as Record<string, { from: unknown; to: unknown }>,
          )
        ) {
          assertEquals([from, to], [said(before, field), said(header, field)]);
        }
        const untouched = Object.keys(header).filter((field) =>
          !(field in changes) && !["version", "updated_at"].includes(field)
        );
        for (const field of untouched) assertEquals(header[field], before[field]);
        assertEquals(
          type,
          header.status === "CANCELLED" && before.status !== "CANCELLED"
            ? "order.cancelled"
            : "order.updated",
        );
        before = header;
      }
      assertEquals(
        later.map(({ sequence }) => sequence),
        Array.from({ length: versions - 1 }, (_, i) => i + 2),
      );
      await app.deps.cache.drop(`orders:${order.id}`, versions + 1, 1000);
      assertEquals(JSON.parse(JSON.stringify(foldOrder(events))), (await read(app, staff, order.id)).body);
    }),
    { numRuns: 30, examples: [[TO_THE_END]] },
  );
  await assertBooksBalance(app.deps.sql);
});
