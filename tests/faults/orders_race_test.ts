import { assertEquals } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { type Answer, startTestApp, type TestApp } from "../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  levelOf,
  patch,
  place,
  startAnother,
  tally,
  tryToPlace,
} from "../support/orders.ts";
import { seeded } from "../../tools/chaos/random.ts";

function sample<T>(from: readonly T[], count: number, next: () => number): T[] {
  const rest = [...from];
  return Array.from({ length: count }, () => rest.splice(Math.floor(next() * rest.length), 1)[0]!);
}

/** Ends all connections of the app, so that its backends have reported, and asks what PostgreSQL counted. */
async function deadlocksOf(app: TestApp): Promise<number> {
  const url = new URL(app.deps.config.databaseUrl);
  const database = url.pathname.slice(1);
  await app.deps.sql.end();
  url.pathname = "/postgres";
  return await withConnection(url.href, async (sql) => {
    for (;;) {
      const [left] = await sql`select count(*)::int from pg_stat_activity where datname = ${database}`;
      if (left!.count === 0) break;
    }
    const [stats] = await sql`select deadlocks::int from pg_stat_database where datname = ${database}`;
    return stats!.deadlocks;
  });
}

const serverErrors = (answers: Answer[]) =>
  Object.entries(tally(answers)).filter(([kind]) => kind.startsWith("5"));

Deno.test("Of 200 simultaneous orders for a stock of 50 exactly 50 are placed, and nothing is left", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const { sku } = await addProduct(app, { stock: 50 });
  const users = await Promise.all(Array.from({ length: 20 }, () => app.user()));
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => tryToPlace(i % 2 ? app : other, users[i % 20]!, { [sku]: 1 })),
  );
  assertEquals(tally(answers), { 201: 50, "409 insufficient_stock": 150 });
  assertEquals(await levelOf(app, sku), { on_hand: 50, reserved: 50, available: 0, version: 51 });
  for (const { status, body } of answers) {
    if (status === 409) assertEquals(body.errors[0].available < 1, true);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of one group of orders those that cannot be had refuse nobody else's", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const scarce = await addProduct(app, { stock: 3 });
  const plenty = await addProduct(app, { stock: 1000 });
  const answers = await Promise.all(
    Array.from(
      { length: 60 },
      (_, i) => tryToPlace(app, user, { [plenty.sku]: 1, ...i % 2 && { [scarce.sku]: 1 } }, { key: `k${i}` }),
    ),
  );
  assertEquals(tally(answers), { 201: 33, "409 insufficient_stock": 27 });
  assertEquals((await levelOf(app, plenty.sku)).reserved, 33);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("2,000 orders of 20 random SKUs out of 40 by 32 clients of two processes never deadlock", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const user = await app.user();
  const skus: string[] = [];
  for (let i = 0; i < 40; i++) skus.push((await addProduct(app, { stock: 1_000_000 })).sku);
  const next = seeded(20_260_301);
  const wanted = Array.from(
    { length: 2000 },
    () => Object.fromEntries(sample(skus, 20, next).map((sku) => [sku, 1 + Math.floor(next() * 5)])),
  );
  const answers: Answer[] = [];
  const queue = wanted.entries();
  await Promise.all(Array.from({ length: 32 }, async (_, client) => {
    for (const [i, quantities] of queue) {
      const process = client % 2 ? app : other;
      const answer = await tryToPlace(process, user, quantities);
      answers.push(answer);
      // Every fourth is cancelled at once: releases lock the same rows.
      if (i % 4 === 0) answers.push(await patch(process, user, answer.body.id, { status: "CANCELLED" }));
    }
  }));
  assertEquals(tally(answers), { 201: 2000, 200: 500 });
  await assertBooksBalance(app.deps.sql);
  const [sums] = await app.deps.sql`select sum(reserved) from stock_levels`;
  const open = wanted.filter((_, i) => i % 4 !== 0).flatMap((quantities) => Object.values(quantities));
  assertEquals(sums!.sum, open.reduce((sum, quantity) => sum + quantity, 0));
  await other.deps.sql.end();
  assertEquals(await deadlocksOf(app), 0);
});

Deno.test("Orders, changes, shipments and stock counts of the same few SKUs get along with each other", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [user, staff] = [await app.user(), await app.user("staff")];
  const skus: string[] = [];
  for (let i = 0; i < 5; i++) skus.push((await addProduct(app, { stock: 200 })).sku);
  const next = seeded(7);
  const placed: string[] = [];
  const answers: Answer[] = [];
  await Promise.all(Array.from({ length: 24 }, async (_, client) => {
    const process = client % 2 ? app : other;
    for (let step = 0; step < 20; step++) {
      const dice = next();
      const id = placed[Math.floor(next() * placed.length)];
      if (dice < 0.5 || !id) {
        const quantities = Object.fromEntries(
          sample(skus, 3, next).map((sku) => [sku, 1 + Math.floor(next() * 3)]),
        );
        const answer = await tryToPlace(process, user, quantities, { key: `${client}-${step}` });
        if (answer.status === 201) placed.push(answer.body.id);
        answers.push(answer);
      } else if (dice < 0.8) {
        const status = ["PAID", "PROCESSING", "SHIPPED", "CANCELLED"][Math.floor(next() * 4)];
        answers.push(await patch(process, staff, id, { status }));
      } else {
        const sku = skus[Math.floor(next() * skus.length)];
        const delta = Math.floor(next() * 20) - 10 || 1;
        answers.push(
          await process.request("POST", `/inventory/${sku}/adjustments`, {
            token: staff.token,
            body: { delta, reason: "Stock count" },
          }),
        );
      }
    }
  }));
  assertEquals(answers.length, 480);
  assertEquals(serverErrors(answers), []);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Everything works over a pool of a single connection", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "1" });
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1000 });
  const first = await place(app, user, { [sku]: 1 });
  const call = (method: string, path: string, token: string, body?: unknown, headers = {}) =>
    app.request(method, path, { token, body, headers });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => [
      tryToPlace(app, user, { [sku]: 1 }, { key: `k${i % 4}` }),
      tryToPlace(app, staff, { [sku]: 1 }, { more: { user_id: user.id, external_reference: `R${i}` } }),
      patch(app, staff, first.id, { note: `n${i}` }),
      call("POST", `/orders/${first.id}/cancellation`, user.token),
      call("GET", `/orders/${first.id}`, user.token),
      call("GET", `/orders/${first.id}/timeline`, staff.token),
      call("GET", "/orders", staff.token),
      call("POST", `/inventory/${sku}/adjustments`, staff.token, { delta: 1, reason: "x" }, {
        "Idempotency-Key": `a${i % 4}`,
      }),
      call("PATCH", `/inventory/${sku}`, staff.token, { low_stock_threshold: i }),
      call("GET", `/inventory/${sku}/movements`, staff.token),
    ]).flat(),
  );
  assertEquals(tally(answers), { 200: 12 * 7, 201: 12 * 3 });
  await assertBooksBalance(app.deps.sql);
});
