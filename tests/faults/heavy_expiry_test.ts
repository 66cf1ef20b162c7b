import { assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { expireDueOrders } from "../../src/orders/mod.ts";
import { startTestApp } from "../support/app.ts";
import { addProduct, place } from "../support/orders.ts";

const IN_A_DAY = { now: () => new Date(Date.now() + 86_400_000) };

Deno.test("Large orders that nobody paid expire a few at a time, so that their stock is not held by a transaction without end", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const large: Record<string, number> = {};
  for (let i = 0; i < 1000; i++) large[(await addProduct(app, { stock: 1000 })).sku] = 1;
  for (let i = 0; i < 5; i++) await place(app, user, large);
  const [sku] = Object.keys(large);
  for (let i = 0; i < 3; i++) await place(app, user, { [sku!]: 1 });
  const ctx = { ...systemCtx(app.deps, "orders.expire"), clock: IN_A_DAY };
  const batches: number[] = [];
  for (let more = true; more;) {
    const { expired, mayBeMore } = await expireDueOrders(ctx);
    if (expired > 0) batches.push(expired);
    more = mayBeMore;
  }
  assertEquals(batches, [2, 2, 4]);
  const [row] = await app.deps.sql`select sum(reserved)::int as reserved from stock_levels`;
  assertEquals(row!.reserved, 0);
});
