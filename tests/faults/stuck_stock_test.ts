import { assertEquals } from "@std/assert";
import { startTestApp } from "../support/app.ts";
import { addProduct, tryToPlace } from "../support/orders.ts";
import { withConnection } from "../../tools/database_admin.ts";

Deno.test("An order that shares its group with others whose stock somebody holds is placed without waiting for them", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const [held, free] = [await addProduct(app), await addProduct(app)];
  const ended: string[] = [];
  const ask = async (sku: string) => {
    const { status } = await tryToPlace(app, user, { [sku]: 1 });
    ended.push(`${sku === free.sku ? "free" : "held"} ${status}`);
  };
  const first = ask(held.sku);
  await withConnection(app.deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await first; // nobody holds anything yet
      await tx`select from stock_levels where sku = ${held.sku} for update`;
      const waiting = [ask(held.sku), ask(held.sku), ask(held.sku)];
      const placed = ask(free.sku);
      await Promise.all([...waiting, placed]);
    }));
  assertEquals(ended, ["held 201", "free 201", "held 503", "held 503", "held 503"]);
});
