import { assertEquals } from "@std/assert";
import { addProduct, assertBooksBalance, eventsOf, levelOf, patch, place, read } from "../support/orders.ts";
import { startTestApp } from "../support/app.ts";
import { systemCtx } from "../../src/deps.ts";
import { expireDueOrders } from "../../src/orders/mod.ts";
import { lockDueOrders } from "../../src/orders/queries.ts";
import type { Clock } from "../../src/platform/clock.ts";
import { transaction } from "../../src/platform/db.ts";

/** A clock that the test moves on. */
function movableClock(): Clock & { minutes: number } {
  return {
    minutes: 0,
    now() {
      return new Date(Date.now() + this.minutes * 60_000);
    },
  };
}

Deno.test("An order is expired at its time and not before; its stock is free, and all who read see it at once", async () => {
  const clock = movableClock();
  await using app = await startTestApp({ ORDER_EXPIRATION_MINUTES: "30" }, { clock });
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 10 });
  const { id } = await place(app, user, { [sku]: 4 });
  await read(app, user, id); // now it is in the cache
  const ctx = systemCtx(app.deps, "orders.expire");
  clock.minutes = 29;
  assertEquals((await expireDueOrders(ctx)).expired, 0);
  const { sql } = app.deps;
  const held = await transaction(sql, (tx) => lockDueOrders(tx, clock.now(), [id]));
  assertEquals(held, [], "nor one that was due when it was listed and has got more time since");
  clock.minutes = 31;
  assertEquals((await expireDueOrders(ctx)).expired, 1);
  assertEquals((await expireDueOrders(ctx)).expired, 0);
  // Its owner's token is of half an hour ago: staff read it with a new one.
  const [stored] = await app.deps.sql`select status, version from orders where id = ${id}`;
  assertEquals(stored, { status: "EXPIRED", version: 2 });
  clock.minutes = 0;
  const { body } = await read(app, user, id);
  assertEquals([body.status, body.version, body.payment_status], ["EXPIRED", 2, "UNPAID"]);
  assertEquals((await levelOf(app, sku)).available, 10);
  const [, expired] = await eventsOf(app, "order", id);
  assertEquals([expired!.type, expired!.actor], ["order.expired", "system:orders.expire"]);
  assertEquals(expired!.data.changes.status, { from: "PENDING", to: "EXPIRED" });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Orders that are paid, cancelled or imported never expire", async () => {
  const clock = movableClock();
  await using app = await startTestApp({}, { clock });
  const staff = await app.user("staff");
  const { sku } = await addProduct(app);
  const paid = await place(app, staff, { [sku]: 1 });
  await patch(app, staff, paid.id, { status: "PAID" });
  const cancelled = await place(app, staff, { [sku]: 1 });
  await patch(app, staff, cancelled.id, { status: "CANCELLED" });
  await place(app, staff, { [sku]: 1 }, { placed_at: "2020-01-31T12:00:00Z" });
  clock.minutes = 10_000;
  assertEquals((await expireDueOrders(systemCtx(app.deps, "orders.expire"))).expired, 0);
});

Deno.test("Of expiry, payment and cancellation that race for an order exactly one wins, 1,000 times", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "20" });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 100_000 });
  const inAnHour = { now: () => new Date(Date.now() + 3_600_000) };
  const ctx = systemCtx({ ...app.deps, clock: inAnHour }, "orders.expire");
  const won: Record<string, number> = {};
  for (let round = 0; round < 50; round++) {
    const orders = await Promise.all(Array.from({ length: 20 }, () => place(app, owner, { [sku]: 1 })));
    const expire = async () => {
      while ((await expireDueOrders(ctx)).expired > 0);
    };
    // A payment takes a look at the staff's role first, so beside a cancellation alone it would always come second;
    // and expiry takes a hundred at a time, so in every other round it waits for the first answer.
    const rivals = orders.flatMap(({ id }, i) => {
      const pay = () => patch(app, staff, id, { status: "PAID" });
      const cancel = () => patch(app, owner, id, { status: "CANCELLED" });
      return [[pay, cancel], [cancel, pay], [pay], [cancel]][i % 4]!.map((rival) => rival());
    });
    const expiry = round % 2 === 0 ? expire() : Promise.race(rivals).then(expire);
    const answers = await Promise.all(rivals);
    await expiry;
    await expire(); // those whose row was held when it passed
    for (const { id } of orders) {
      const [stored] = await app.deps.sql`select status, version from orders where id = ${id}`;
      won[stored!.status] = (won[stored!.status] ?? 0) + 1;
      const log = await eventsOf(app, "order", id);
      assertEquals(log.slice(1).map(({ data }) => data.changes.status.to), [stored!.status]);
      assertEquals(stored!.version, 2);
      const accepted = answers.flatMap((answer) =>
        answer.status === 200 && answer.body.id === id ? [answer.body] : []
      );
      assertEquals(
        accepted.map(({ status }) => status),
        stored!.status === "EXPIRED" ? [] : [stored!.status],
      );
    }
  }
  assertEquals(Object.keys(won).sort(), ["CANCELLED", "EXPIRED", "PAID"], "each of them wins at times");
  await assertBooksBalance(app.deps.sql);
});
