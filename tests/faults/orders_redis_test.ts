import { assert, assertEquals } from "@std/assert";
import { openCache } from "../../src/platform/cache.ts";
import { freePort } from "../../tools/supervise.ts";
import { redisOnPath, startRedis } from "../platform/redis_server.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { addProduct, assertBooksBalance, patch, place, read, tryToPlace } from "../support/orders.ts";

const OPTIONS = { breaker: { failures: 5, openMs: 100, successes: 1 } };
/** However busy the machine is: a Redis that is killed says so at once. */
const PATIENT = { ...OPTIONS, timeoutMs: 10_000 };
const PATIENCE_MS = 20_000;

/** Clients that place, change and read orders until they are told to stop; every wrong answer is kept. */
function keepBusy(app: TestApp, user: TestUser, sku: string) {
  const wrong: string[] = [];
  let running = true;
  let rounds = 0;
  let waiting: { until: number; resolve: () => void }[] = [];
  const client = async () => {
    while (running) {
      const placed = await tryToPlace(app, user, { [sku]: 1 });
      if (placed.status !== 201) wrong.push(`place: ${placed.status}`);
      for (const note of ["one", "two"]) {
        const before = await read(app, user, placed.body.id);
        if (before.status !== 200) wrong.push(`read: ${before.status}`);
        const changed = await patch(app, user, placed.body.id, { note });
        if (changed.status !== 200) wrong.push(`change: ${changed.status}`);
        const after = await read(app, user, placed.body.id);
        if (after.body.note !== note) {
          wrong.push(`read ${after.body.note} after ${note} (${after.headers.get("X-Cache-Status")})`);
        }
      }
      rounds++;
      waiting = waiting.filter(({ until, resolve }) => rounds < until || void resolve());
    }
  };
  const clients = Promise.all(Array.from({ length: 4 }, client));
  return {
    wrong,
    /** Resolves when so many more rounds are done. */
    more: (count: number) => new Promise<void>((resolve) => waiting.push({ until: rounds + count, resolve })),
    async stop() {
      running = false;
      await clients;
    },
  };
}

Deno.test({
  name:
    "With Redis killed under load no request fails or reads old orders, and when it is back it is used again",
  ignore: !redisOnPath,
  async fn() {
    const port = freePort();
    let redis = await startRedis(port);
    const cache = await openCache({ kind: "tcp", url: redis.url }, PATIENT);
    await using app = await startTestApp({}, { cache });
    const user = await app.user();
    const { sku } = await addProduct(app, { stock: 1_000_000 });
    const long = await place(app, user, { [sku]: 1 });
    const statusOfRead = async () => (await read(app, user, long.id)).headers.get("X-Cache-Status");
    assertEquals([await statusOfRead(), await statusOfRead()], ["MISS", "HIT"]);

    const load = keepBusy(app, user, sku);
    await load.more(10);
    await redis[Symbol.asyncDispose]();
    await load.more(30);
    assertEquals(await statusOfRead(), "BYPASS");
    assertEquals((await patch(app, user, long.id, { note: "while it was away" })).status, 200);
    assertEquals((await read(app, user, long.id)).body.note, "while it was away");

    redis = await startRedis(port);
    const deadline = Date.now() + PATIENCE_MS;
    while (await statusOfRead() !== "HIT") assert(Date.now() < deadline, "Redis is not used again");
    assertEquals((await read(app, user, long.id)).body.note, "while it was away");
    await load.more(10);
    await load.stop();
    assertEquals(load.wrong, []);
    assert(await redis.direct.exists(`orders:${long.id}`), "it is in Redis itself");
    await assertBooksBalance(app.deps.sql);
    await cache.close();
    await redis[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "While Redis hangs without a word requests go on, and a change made meanwhile is read after it wakes",
  ignore: !redisOnPath,
  async fn() {
    const redis = await startRedis();
    const cache = await openCache({ kind: "tcp", url: redis.url }, OPTIONS);
    await using app = await startTestApp({}, { cache });
    const user = await app.user();
    const { sku } = await addProduct(app, { stock: 1_000_000 });
    const order = await place(app, user, { [sku]: 1 });
    await read(app, user, order.id);
    redis.pause();
    const load = keepBusy(app, user, sku);
    await load.more(10);
    assertEquals((await patch(app, user, order.id, { note: "new" })).body.version, 2);
    assertEquals((await read(app, user, order.id)).body.note, "new");
    redis.resume();
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const { headers, body } = await read(app, user, order.id);
      assertEquals(body.note, "new");
      if (headers.get("X-Cache-Status") === "HIT") break;
      assert(Date.now() < deadline, "Redis is not used again");
    }
    await load.stop();
    assertEquals(load.wrong, []);
    await cache.close();
    await redis[Symbol.asyncDispose]();
  },
});
