import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { systemCtx } from "../../../src/deps.ts";
import { foldOrder } from "../../../src/orders/as_of.ts";
import { expireDueOrders, findOrder, processOrders } from "../../../src/orders/mod.ts";
import { ORDER_STATUSES } from "../../../src/orders/order.ts";
import { orderView } from "../../../src/orders/view.ts";
import { transaction } from "../../../src/platform/db.ts";
import { startTestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  patch,
  place,
  read,
  SHIP_TO,
} from "../../support/orders.ts";
import { tryToRefund } from "../../support/payments.ts";
import { change as approve, receive } from "../returns/support.ts";

const ORDERS_AT_ONCE = 25;
const RUNS = 12;

const text = fc.string({ unit: "grapheme", maxLength: 10 }).map((value) => value.replaceAll("\0", "").trim());
const keys = fc.constantFrom("a", "b", "10", "2", "constructor");
const change = fc.record({
  status: fc.constantFrom(...ORDER_STATUSES),
  note: fc.option(text),
  metadata: fc.dictionary(keys, fc.option(text), { maxKeys: 3 }),
  ship_to: fc.constantFrom(
    { ...SHIP_TO, city: "Bonn" },
    { ...SHIP_TO, region: "BE", phone: "+49 30 1" },
    SHIP_TO,
  ),
}, { requiredKeys: [] });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("patch" as const), byStaff: fc.boolean(), change }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom("PAID", "PROCESSING", "SHIPPED", "DELIVERED", "REFUNDED").map((status) => ({
      kind: "patch" as const,
      byStaff: true,
      change: { status },
    })),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), byStaff: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "process" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("ship" as const), quantity: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "unship" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("refund" as const),
      line: fc.integer({ min: 1, max: 2 }),
      quantity: fc.integer({ min: 1, max: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("return" as const),
      line: fc.integer({ min: 1, max: 2 }),
      restocked: fc.integer({ min: 0, max: 1 }),
      refund: fc.boolean(),
    }),
  },
);
/** What happens to one order, whether it is one that can expire, and whether it is paid at once: else few come to be sent. */
const life = fc.record({
  units: fc.integer({ min: 1, max: 3 }),
  backdated: fc.boolean(),
  paid: fc.boolean(),
  steps: fc.array(step, { maxLength: 8 }),
});

Deno.test("Folding all events of an order gives exactly its row, after any changes, shipments, returns, refunds of units, cancellation, expiry and screening", async () => {
  let now = Date.now();
  await using app = await startTestApp(
    { ORDER_EXPIRATION_MINUTES: "1" },
    { clock: { now: () => new Date(now) } },
  );
  const { sql } = app.deps;
  const [a, b] = [await addProduct(app, { stock: 1_000_000 }), await addProduct(app, { stock: 1_000_000 })];
  const system = systemCtx(app.deps, "test");
  const seen = new Set<string>();
  let returns = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(life, { minLength: ORDERS_AT_ONCE, maxLength: ORDERS_AT_ONCE }),
      // After which steps those that were not paid by then expire.
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      async (lives, expiries) => {
        const [owner, staff] = [await app.user(), await app.user("staff")]; // tokens end within the test's time
        const orders = await Promise.all(
          lives.map(({ units, backdated }) =>
            place(app, backdated ? staff : owner, { [a.sku]: units, [b.sku]: 1 }, {
              note: "As placed",
              ...backdated && { user_id: owner.id, placed_at: "2026-01-01T00:00:00Z" },
            })
          ),
        );
        await Promise.all(lives.map(async ({ paid }, index) => {
          if (paid) await patch(app, staff, orders[index]!.id, { status: "PAID" });
        }));
        const act = async (id: string, next: typeof lives[number]["steps"][number]) => {
          if (next.kind === "process") {
            return void await transaction(sql, (tx) => processOrders(tx, system, [id]));
          }
          const ship = async (what: unknown) => {
            const { status, body } = await app.request("POST", `/v1/orders/${id}/shipments`, {
              token: staff.token,
              body: what,
            });
            assert([201, 409, 422].includes(status), JSON.stringify(body));
          };
          if (next.kind === "ship") return await ship({ items: [{ line: 1, quantity: next.quantity }] });
          if (next.kind === "unship") {
            const [shipment] = await sql`
              select id from shipments where order_id = ${id} order by status desc, id limit 1`;
            if (!shipment) return;
            const { status, body } = await app.request("POST", `/v1/shipments/${shipment.id}/cancellation`, {
              token: staff.token,
            });
            return assert([200, 409].includes(status), JSON.stringify(body));
          }
          if (next.kind === "refund") {
            const { line, quantity } = next;
            const { status, body } = await tryToRefund(app, staff, id, { items: [{ line, quantity }] });
            return assert([201, 422].includes(status), JSON.stringify(body));
          }
          if (next.kind === "return") {
            const { line, restocked, refund } = next;
            await ship({}); // else few have anything to come back
            const asked = await app.request("POST", `/v1/orders/${id}/returns`, {
              token: staff.token,
              body: { items: [{ line, quantity: 1 }], reason: "Too small" },
            });
            if (asked.body.code === "return_refused") return;
            assertEquals(asked.status, 201, JSON.stringify(asked.body));
            await approve(app, staff, asked.body.id, { status: "approved" });
            const items = [{ line, restocked, written_off: 1 - restocked }];
            const { status, body } = await receive(app, staff, asked.body.id, [0, 0], { items, refund });
            returns += Number(status === 201);
            return assert([201, 422].includes(status), JSON.stringify(body));
          }
          const user = next.byStaff ? staff : owner;
          const { status, body } = next.kind === "patch"
            ? await patch(app, user, id, next.change)
            : await app.request("POST", `/v1/orders/${id}/cancellation`, { token: user.token });
          assert([200, 403, 409].includes(status), JSON.stringify(body));
        };
        for (const [round, expiry] of expiries.entries()) {
          now += 1000;
          await Promise.all(lives.map(async ({ steps }, index) => {
            if (steps[round]) await act(orders[index]!.id, steps[round]);
          }));
          if (!expiry) continue;
          now += 61_000;
          await expireDueOrders(system);
        }
        await Promise.all(orders.map(async ({ id }) => {
          const events = await eventsOf(app, "order", id);
          assertEquals(events.map(({ sequence }) => sequence), events.map((_, index) => index + 1));
          for (const { type } of events) seen.add(type);
          const row = orderView((await findOrder(sql, id))!);
          assertEquals(foldOrder(events), row);
          const { body } = await read(app, staff, id);
          assertEquals(body, JSON.parse(JSON.stringify(row)), "the cache has what was written");
        }));
      },
    ),
    { numRuns: RUNS },
  );
  assertEquals(
    [...seen].sort(),
    ["order.cancelled", "order.created", "order.expired", "order.processed", "order.updated"],
  );
  assert(returns > 0);
  await assertEventsValid(sql);
  await assertBooksBalance(sql);
});
