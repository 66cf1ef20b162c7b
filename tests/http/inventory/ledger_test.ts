import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { systemCtx } from "../../../src/deps.ts";
import { lockLevels, moveStock } from "../../../src/inventory/mod.ts";
import { transaction } from "../../../src/platform/db.ts";
import { startTestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  levelOf,
  patch,
  place,
  tryToPlace,
} from "../../support/orders.ts";

const sku = fc.integer({ min: 0, max: 3 });
const operation = fc.oneof(
  fc.record({
    kind: fc.constant("place" as const),
    lines: fc.array(fc.tuple(sku, fc.integer({ min: 1, max: 8 })), { minLength: 1, maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant("cancel" as const), order: fc.nat() }),
  fc.record({ kind: fc.constant("advance" as const), order: fc.nat() }),
  fc.record({
    kind: fc.constant("adjust" as const),
    sku,
    delta: fc.integer({ min: -15, max: 15 }).filter((delta) => delta !== 0),
  }),
  fc.record({
    kind: fc.constant("count" as const),
    sku,
    expected: fc.integer({ min: 0, max: 30 }),
    on_hand: fc.integer({ min: 0, max: 30 }),
  }),
);
const NEXT: Record<string, string> = {
  PENDING: "PAID",
  PAID: "PROCESSING",
  PROCESSING: "SHIPPED",
  SHIPPED: "DELIVERED",
  DELIVERED: "REFUNDED",
};

Deno.test("After any operations, several at a time, levels are the sums of their movements and never negative", async () => {
  await using app = await startTestApp();
  const [staff, user] = [await app.user("staff"), await app.user()];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(operation, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
      async (rounds) => {
        const skus: string[] = [];
        for (let i = 0; i < 4; i++) skus.push((await addProduct(app, { stock: 12 })).sku);
        const orders: { id: string; status: string }[] = [];
        const pick = (index: number) => orders[index % orders.length];
        const run = async (op: typeof operation extends fc.Arbitrary<infer T> ? T : never) => {
          if (op.kind === "place") {
            const items = op.lines.map(([i, quantity]) => ({ sku: skus[i], quantity }));
            const { status, body } = await tryToPlace(app, user, {}, { more: { items } });
            if (status === 201) orders.push(body);
            return status;
          }
          if (op.kind === "cancel" || op.kind === "advance") {
            const order = pick(op.order);
            const to = op.kind === "cancel" ? "CANCELLED" : order && NEXT[order.status];
            if (!order || !to) return 200;
            const { status, body } = await patch(app, staff, order.id, { status: to });
            if (status === 200) order.status = body.status;
            return status;
          }
          const body = op.kind === "adjust"
            ? { delta: op.delta, reason: "Test" }
            : { on_hand: op.on_hand, expected_on_hand: op.expected, reason: "Test" };
          return (await app.request("POST", `/inventory/${skus[op.sku]}/adjustments`, {
            token: staff.token,
            body,
          })).status;
        };
        for (const round of rounds) {
          const statuses = await Promise.all(round.map(run));
          assertEquals(statuses.filter((status) => ![200, 201, 409].includes(status)), []);
        }
        await assertBooksBalance(app.deps.sql);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("Orders whose stock moves in one statement take their turns: each has a movement, a version and an event", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 9 });
  const orders = [await place(app, user, { [sku]: 1 }), await place(app, user, { [sku]: 3 })];
  const before = await levelOf(app, sku);
  await transaction(app.deps.sql, (tx) =>
    moveStock(
      tx,
      systemCtx(app.deps, "test"),
      "shipment",
      orders.map(({ id, items: [{ quantity }] }) => ({
        order_id: id,
        user_id: user.id,
        items: [{ sku, quantity }],
      })),
    ));
  const expected = [
    { order_id: orders[0].id, version: 4, on_hand_delta: -1, on_hand: 8, reserved: 3 },
    { order_id: orders[1].id, version: 5, on_hand_delta: -3, on_hand: 5, reserved: 0 },
  ];
  assertEquals(
    [before, await levelOf(app, sku)],
    [
      { on_hand: 9, reserved: 4, available: 5, version: 3 },
      { on_hand: 5, reserved: 0, available: 5, version: 5 },
    ],
  );
  const told = (await eventsOf(app, "inventory", `${sku}@default`)).slice(-2);
  assertEquals(
    told.map(({ sequence: version, data: { order_id, on_hand_delta, on_hand, reserved } }) => ({
      order_id,
      version,
      on_hand_delta,
      on_hand,
      reserved,
    })),
    expected,
  );
  const movements = await app.deps.sql`
    select order_id, m.version, on_hand_delta, created_at = updated_at as now
    from stock_movements m join stock_levels using (sku, location) where sku = ${sku} and kind = 'shipment'
    order by m.version`;
  assertEquals(
    [...movements],
    expected.map(({ order_id, version, on_hand_delta }) => ({ order_id, version, on_hand_delta, now: true })),
  );
});

Deno.test("Whoever takes many levels takes them in the order of SKUs, so no two wait for each other in a circle", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const skus = Array.from({ length: 12 }, (_, i) => `SKU-${String(i).padStart(2, "0")}`);
  for (const sku of skus.toReversed()) await addProduct(app, { sku, stock: 10 });
  const { sql } = app.deps;
  const order = await place(app, user, Object.fromEntries(skus.map((sku) => [sku, 1])));
  const items = skus.map((sku) => ({ sku, quantity: 1 })).toReversed();
  const holders = [{ order_id: order.id, user_id: user.id, items }];
  for (
    const take of [
      () => place(app, user, Object.fromEntries(skus.map((sku) => [sku, 1]))),
      () => transaction(sql, (tx) => moveStock(tx, systemCtx(app.deps, "test"), "release", holders)),
      () => transaction(sql, (tx) => lockLevels(tx, skus.toReversed())),
    ]
  ) {
    const { taking } = await sql.begin(async (tx) => {
      await tx`select from stock_levels where sku = 'SKU-05' for update`;
      const taking = take();
      await untilWaiting(tx);
      const free =
        await tx`select sku from stock_levels where sku <> 'SKU-05' order by sku for update skip locked`;
      assertEquals(free.map(({ sku }) => sku), skus.slice(6), "what comes behind is free yet");
      return { taking };
    });
    await taking;
  }
});

Deno.test("The database itself refuses to oversell, whoever asks", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 3 });
  await place(app, user, { [sku]: 2 });
  const { sql } = app.deps;
  const refuses = async (attempt: PromiseLike<unknown>, constraint: string) => {
    const error = await assertRejects(async () => void await attempt);
    assertEquals((error as unknown as { constraint_name: string }).constraint_name, constraint);
  };
  await refuses(
    sql`update stock_levels set reserved = on_hand + 1 where sku = ${sku}`,
    "stock_levels_available_check",
  );
  await refuses(sql`update stock_levels set on_hand = 1 where sku = ${sku}`, "stock_levels_available_check");
  await refuses(sql`update stock_levels set reserved = -1 where sku = ${sku}`, "stock_levels_reserved_check");
  await refuses(
    sql`update stock_levels set on_hand = -1, reserved = -1 where sku = ${sku}`,
    "stock_levels_on_hand_check",
  );
  await refuses(
    sql`
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, actor)
      values (${sku}, 'default', 'receipt', -5, 0, 99, 'system:test')`,
    "stock_movements_kind_check",
  );
  assertEquals(await levelOf(app, sku), { on_hand: 3, reserved: 2, available: 1, version: 2 });
});
