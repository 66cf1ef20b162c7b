import { assertEquals } from "@std/assert";
import { HANDLERS } from "../../workers/handlers.ts";
import { systemCtx } from "../../src/deps.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { addExport, openBorders, quoted } from "../support/checkout.ts";
import { addProduct, levelOf, place, read } from "../support/orders.ts";

const IN_A_DAY = { now: () => new Date(Date.now() + 86_400_000) };

/** Does the round of a clock three times, as if it were tomorrow. */
async function rounds({ deps }: TestApp, name: "orders.expire" | "quotes.expire"): Promise<void> {
  const ctx = { ...systemCtx(deps, name), clock: IN_A_DAY };
  for (let round = 0; round < 3; round++) {
    await HANDLERS[name].alone(ctx, {}, new AbortController().signal).catch(() => {});
  }
}

Deno.test("An order that contradicts itself does not keep the others from expiring", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const [damaged, sound] = [await addProduct(app), await addProduct(app)];
  await place(app, user, { [damaged.sku]: 1 });
  const order = await place(app, user, { [sound.sku]: 1 });
  await app.deps.sql`update stock_levels set reserved = 0 where sku = ${damaged.sku}`; // repaired by hand, badly
  await rounds(app, "orders.expire");
  assertEquals((await read(app, user, order.id)).body.status, "EXPIRED");
  assertEquals((await levelOf(app, sound.sku)).reserved, 0);
});

Deno.test("However many orders contradict themselves, the others expire", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const [damaged, sound] = [await addProduct(app, { stock: 1000 }), await addProduct(app)];
  await Promise.all(Array.from({ length: 101 }, () => place(app, user, { [damaged.sku]: 1 })));
  const order = await place(app, user, { [sound.sku]: 1 });
  await app.deps.sql`update stock_levels set reserved = 0 where sku = ${damaged.sku}`;
  await rounds(app, "orders.expire");
  assertEquals((await read(app, user, order.id)).body.status, "EXPIRED");
});

Deno.test("A quote whose hold is not there any more does not keep the others from expiring", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const [damaged, sound] = [await addExport(app), await addExport(app)];
  await quoted(app, user, { [damaged.sku]: 1 });
  await quoted(app, user, { [sound.sku]: 1 });
  await app.deps.sql`update stock_levels set reserved = 0 where sku = ${damaged.sku}`;
  await rounds(app, "quotes.expire");
  assertEquals((await levelOf(app, sound.sku)).reserved, 0);
});
