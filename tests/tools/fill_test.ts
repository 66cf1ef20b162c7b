import { assert, assertEquals } from "@std/assert";
import postgres from "postgres";
import { fillOrders } from "../../bench/fill.ts";
import { fillShop } from "../../bench/shop.ts";
import { brokenOf, verifyDatabase } from "../../src/admin/mod.ts";
import { foldOrder } from "../../src/orders/as_of.ts";
import { findOrder, type Order } from "../../src/orders/mod.ts";
import { listOrderStates } from "../../src/orders/queries.ts";
import { startTestApp } from "../support/app.ts";
import { assertEventsValid } from "../support/events.ts";

/** It is PostgreSQL that writes the JSON of these events. */
const POSTGRES_TIMES = /(Z|\+00:00)$/;
const WRITTEN = ["payment.failed", "refund.failed", "refund.succeeded", "return.refunded", "cart.expired"];

Deno.test("bench:fill writes what the API would have: every invariant holds, and every event has its registered shape", async () => {
  await using app = await startTestApp();
  const { sql, config } = app.deps;
  const own = postgres(config.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await fillShop(own);
    await fillOrders(own, 1000, () => {});
  } finally {
    await own.end();
  }
  assertEquals(brokenOf(await verifyDatabase(config, new Date())), []);
  const counts = await assertEventsValid(sql, POSTGRES_TIMES);
  assertEquals(counts["order.created"], 1000);
  const [coupons] = await sql`
    select count(*) filter (where order_id is null and released_at is null)::int as quoted,
           count(*) filter (where order_id is null and released_at is not null)::int as let_go,
           count(*) filter (where order_id is not null and released_at is null)::int as used,
           count(*) filter (where order_id is not null and released_at is not null)::int as given_back
    from promotion_redemptions`;
  assert(Object.values(coupons!).every((uses) => uses > 0), JSON.stringify(coupons));
  const kinds = await sql<{ kind: string }[]>`select distinct kind from points_movements order by kind`;
  assertEquals(kinds.map(({ kind }) => kind), ["earned", "reversed"]);
  const linesOf = (order: Order) => order.items.map(({ shipped, returned }) => [shipped, returned]);
  for (
    const { id }
      of await sql`select id from orders where units_shipped > 0 order by units_returned desc limit 50`
  ) {
    const told = foldOrder(await listOrderStates(sql, id, new Date()))!;
    assertEquals(linesOf(told), linesOf((await findOrder(sql, id))!));
  }
  for (const type of WRITTEN) assert(counts[type]! > 0, type);
});
