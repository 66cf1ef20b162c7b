import { SHAPE } from "../../../src/platform/cache.ts";
import { assert, assertEquals } from "@std/assert";
import { forgetToldOrders } from "../../../src/orders/mod.ts";
import type { Cache } from "../../../src/platform/cache.ts";
import { newId } from "../../../src/platform/id.ts";
import { type Answer, losingCommitAnswers, startTestApp, type TestUser } from "../../support/app.ts";
import { hasRedis, testWithRedis } from "../../support/database.ts";
import { addProduct, patch, place, read, startAnother } from "../../support/orders.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { SseClient } from "../realtime/support.ts";
import { Redis } from "ioredis";

const cacheStatus = ({ headers }: Answer) => headers.get("X-Cache-Status");

testWithRedis(
  "The first read is a MISS, the next a HIT with the same bytes, and so after every change",
  async () => {
    await using app = await startTestApp();
    const [owner, staff] = [await app.user(), await app.user("staff")];
    const { sku } = await addProduct(app);
    const order = await place(app, owner, { [sku]: 1 }, { metadata: { b: "2", a: "1" } });
    const first = await read(app, owner, order.id);
    assertEquals([first.status, cacheStatus(first)], [200, "MISS"]);
    const second = await read(app, owner, order.id);
    assertEquals([second.status, cacheStatus(second)], [200, "HIT"]);
    assertEquals(JSON.stringify(second.body), JSON.stringify(first.body));
    await patch(app, staff, order.id, { status: "PAID" });
    const third = await read(app, owner, order.id);
    assertEquals([third.body.status, cacheStatus(third)], ["PAID", "HIT"]);
  },
);

testWithRedis(
  "What belongs to an order is read from the database, and says nothing of the cache",
  async () => {
    await using app = await startTestApp();
    const owner = await app.user();
    const { sku } = await addProduct(app);
    const { id } = await place(app, owner, { [sku]: 1 });
    await read(app, owner, id);
    for (const what of ["timeline", "explanation", "ledger", "shipments", "payments", "refunds", "returns"]) {
      const answer = await app.request("GET", `/v1/orders/${id}/${what}`, { token: owner.token });
      assertEquals([what, answer.status, cacheStatus(answer)], [what, 200, null]);
    }
  },
);

Deno.test("A read with the ETag that it gave answers 304 without a body", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const known = (tag: string) => read(app, owner, id, { headers: { "If-None-Match": tag } });
  assertEquals((await read(app, owner, id)).headers.get("ETag"), '"1"');
  for (const tag of ['"1"', 'W/"1"', '"0", "1"']) {
    const { status, body, headers } = await known(tag);
    assertEquals([status, body, headers.get("ETag")], [304, "", '"1"']);
  }
  await patch(app, owner, id, { note: "x" });
  const { status, headers } = await known('"1"');
  assertEquals([status, headers.get("ETag")], [200, '"2"']);
});

Deno.test("Whoever may not see an order cannot tell it from one that does not exist, cached or not", async () => {
  await using app = await startTestApp();
  const [owner, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const shape = ({ status, headers, body }: Answer) => ({
    status,
    headers: [...headers].filter(([name]) => !["x-request-id", "ratelimit"].includes(name)),
    body: { ...body, instance: "", request_id: "" },
  });
  for (const suffix of ["", "/timeline"]) {
    const missing = await app.request("GET", `/v1/orders/${newId()}${suffix}`, { token: other.token });
    assertEquals(missing.status, 404);
    for (let attempt = 0; attempt < 3; attempt++) {
      const foreign = await app.request("GET", `/v1/orders/${id}${suffix}`, { token: other.token });
      assertEquals(shape(foreign), shape(missing), `attempt ${attempt}`);
      assertEquals((await read(app, owner, id)).status, 200, "the owner warms the cache");
    }
  }
  assertEquals((await read(app, staff, id)).status, 200);
  assertEquals((await app.request("GET", `/v1/orders/${id}`)).status, 401);
  await app.deps.sql`update users set role = 'customer' where id = ${staff.id}`;
  assertEquals((await read(app, staff, id)).status, 404, "a demoted member of staff is a stranger at once");
});

Deno.test("What is no id is refused, and what is no order is not found", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  assertEquals((await read(app, owner, "1")).status, 422);
  assertEquals((await read(app, owner, "..%2fadmin")).status, 422);
  assertEquals((await read(app, owner, newId())).status, 404);
});

testWithRedis("A slow reader cannot put back the version from before a change", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const arrived = Promise.withResolvers<void>();
  let slow = true;
  await using app = await startTestApp({});
  const { cache } = app.deps;
  const hesitant: Cache = Object.create(cache, {
    counters: { value: cache.counters },
    admit: { value: cache.admit.bind(cache) },
    get: { value: cache.get.bind(cache) },
    close: { value: cache.close.bind(cache) },
    put: {
      async value(...args: Parameters<Cache["put"]>) {
        if (slow) {
          slow = false;
          arrived.resolve();
          await held;
        }
        await cache.put(...args);
      },
    },
  });
  Object.assign(app.deps, { cache: hesitant });
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const slowRead = read(app, owner, id);
  await arrived.promise;
  await patch(app, owner, id, { note: "new" });
  release();
  assertEquals((await slowRead).body.version, 1, "it was the right answer when it was asked for");
  const next = await read(app, owner, id);
  assertEquals([next.body.version, cacheStatus(next)], [2, "HIT"]);
});

Deno.test("A change whose commit was not acknowledged is never hidden by the cache", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  assertEquals((await read(app, owner, id)).body.version, 1);
  await losingCommitAnswers(app, async () => {
    assertEquals((await patch(app, owner, id, { note: "made it" })).status, 503);
  });
  const after = await read(app, owner, id);
  assertEquals([after.body.note, after.body.version], ["made it", 2]);
});

/** What tells of an order's second version, and when it has done so. */
const TELLERS: Record<string, (server: TestServer, owner: TestUser, id: string) => Promise<void>> = {
  async "a live stream"({ url }, { token }) {
    await using stream = await SseClient.open(url, { token, query: { after: "0" } });
    await until(() => stream.events.some(({ data }) => data.data.version === 2), "the change is streamed");
  },
  async "the log"({ app }, { token }, id) {
    const path = `/v1/events?aggregate_type=order&aggregate_id=${id}`;
    const told = async () => (await app.request("GET", path, { token })).body.data;
    await until(async () => (await told()).length === 2, "the change is in the log");
  },
};
for (const [teller, tell] of Object.entries(TELLERS)) {
  testWithRedis(
    `Who was told of a change by ${teller} reads no older order, however late the cache hears of it`,
    async () => {
      await using server = await startTestServer();
      const { app } = server;
      await using busy = await startAnother(app);
      const owner = await app.user();
      const { sku } = await addProduct(app);
      const { id } = await place(app, owner, { [sku]: 1 });
      assertEquals((await read(app, owner, id)).body.version, 1);
      const atLast = Promise.withResolvers<void>();
      const { cache } = busy.deps;
      const put = (...args: Parameters<Cache["put"]>) => atLast.promise.then(() => cache.put(...args));
      const late = new Proxy(cache, {
        get: (_, name) => name === "put" ? put : Reflect.get(cache, name).bind(cache),
      });
      Object.assign(busy.deps, { cache: late });
      const changing = patch(busy, owner, id, { note: "new" });
      await tell(server, owner, id);
      assertEquals((await read(app, owner, id)).body.version, 2);
      atLast.resolve();
      await changing;
      Object.assign(busy.deps, { cache });
    },
  );
}

Deno.test("A thousand changes among racing reads: no read after a change's answer sees an older order", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "8" });
  await using other = await startAnother(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const redis = app.deps.config.redis?.kind === "tcp" ? new Redis(app.deps.config.redis.url) : undefined;
  // Without Redis each process has a cache of its own, so only one process is asked.
  const second = redis ? other : app;
  const statuses = ["PAID", "PROCESSING", "SHIPPED", "DELIVERED", "REFUNDED"];
  let version = 1;
  for (let round = 1; round <= 1000; round++) {
    // Now and then the cache is empty, so that readers race to fill it.
    if (round % 3 === 0) await redis?.del(`orders:${id}`);
    const racing = [read(app, owner, id), read(second, owner, id), read(app, staff, id)];
    const change = round % 200 === 0 ? { status: statuses[round / 200 - 1] } : { note: `round ${round}` };
    const changed = await patch(round % 2 ? app : second, staff, id, change);
    assertEquals([changed.status, changed.body.version], [200, ++version]);
    const after = await Promise.all([read(app, owner, id), read(second, owner, id)]);
    for (const { body } of after) {
      assertEquals(body.version, version);
      assertEquals([body.note, body.status], [changed.body.note, changed.body.status]);
    }
    for (const { status, body } of await Promise.all(racing)) {
      assertEquals(status, 200);
      assert(body.version === version || body.version === version - 1);
    }
    assertEquals(
      (await read(second, owner, id)).body.version,
      version,
      "no racing reader put back what it had read",
    );
  }
  await redis?.quit();
});

Deno.test({
  name: "In Redis an order is JSON under orders:{id}, for 300 seconds",
  ignore: !hasRedis,
  async fn() {
    await using app = await startTestApp();
    const owner = await app.user();
    const { sku } = await addProduct(app);
    const order = await place(app, owner, { [sku]: 1 });
    const { redis: target } = app.deps.config;
    const redis = new Redis((target as { url: string }).url);
    try {
      assertEquals(await redis.exists(`orders:${order.id}`), 0);
      await read(app, owner, order.id);
      for (const version of [1, 2]) {
        const ttl = await redis.ttl(`orders:${order.id}`);
        assert(ttl > 290 && ttl <= 300, `${ttl} s`);
        const kept = JSON.parse((await redis.get(`orders:${order.id}`))!);
        assertEquals(kept, { version, shape: SHAPE, value: (await read(app, owner, order.id)).body });
        await redis.expire(`orders:${order.id}`, 100);
        await patch(app, owner, order.id, { note: "x" });
      }
      await redis.set(`orders:${order.id}`, "no JSON at all");
      const past = await read(app, owner, order.id);
      assertEquals([past.status, past.body.note, cacheStatus(past)], [200, "x", "MISS"]);
    } finally {
      await redis.quit();
    }
  },
});

Deno.test("Without any Redis an order that the worker or another API process changed is read as it is", async () => {
  await using app = await startTestApp({ REDIS_URL: "" });
  await using other = await startAnother(app);
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  assertEquals(cacheStatus(await read(app, owner, id)), "BYPASS");
  await other.request("PATCH", `/v1/orders/${id}`, { token: owner.token, body: { note: "x" } });
  const { body, headers } = await read(app, owner, id);
  assertEquals([body.note, body.version, headers.get("ETag")], ["x", 2, `"2"`]);
});

Deno.test("The timeline tells what happened and by whom: by name to staff, by role to the customer", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  await patch(app, owner, id, { note: "Ring twice" });
  await patch(app, staff, id, { status: "PAID" });
  const timeline = async (token: string) => {
    const { status, body } = await app.request("GET", `/orders/${id}/timeline`, { token });
    assertEquals(status, 200);
    return body.data;
  };
  const toStaff = await timeline(staff.token);
  assertEquals(toStaff.map((entry: { at: string }) => ({ ...entry, at: "" })), [
    { sequence: 1, type: "order.created", at: "", actor: `user:${owner.id}`, changes: {} },
    {
      sequence: 2,
      type: "order.updated",
      at: "",
      actor: `user:${owner.id}`,
      changes: { note: { from: null, to: "Ring twice" } },
    },
    {
      sequence: 3,
      type: "order.updated",
      at: "",
      actor: `user:${staff.id}`,
      changes: {
        status: { from: "PENDING", to: "PAID" },
        payment_status: { from: "UNPAID", to: "PAID" },
        amount_paid: { from: 0, to: 1499 },
        amount_due: { from: 1499, to: 0 },
      },
    },
  ]);
  const toOwner = await timeline(owner.token);
  assertEquals(toOwner.map(({ actor }: { actor: string }) => actor), ["customer", "customer", "staff"]);
  assert(!JSON.stringify(toOwner).includes(staff.id));
  assertEquals(
    toOwner.map((entry: object) => ({ ...entry, actor: "" })),
    toStaff.map((entry: object) => ({ ...entry, actor: "" })),
  );
});

Deno.test("A timeline comes by pages: its customer may change an order as often as they like", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  for (let i = 0; i < 24; i++) await patch(app, owner, id, { note: String(i) });
  const page = async (query: string) => {
    const { body } = await app.request("GET", `/v1/orders/${id}/timeline?${query}`, { token: owner.token });
    return {
      sequences: body.data.map(({ sequence }: { sequence: number }) => sequence),
      next: body.next_cursor,
    };
  };
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const first = await page("");
  assertEquals(first.sequences, numbers(1, 20));
  assertEquals(await page(`cursor=${first.next}`), { sequences: numbers(21, 25), next: null });
  assertEquals(await page("limit=25"), { sequences: numbers(1, 25), next: null });
});

Deno.test("Who is told of a change reads no order from before it, and of changes long ago the cache is not asked", async () => {
  const now = new Date("2030-01-01T12:00:00.000Z");
  const dropped: unknown[] = [];
  const cache = { drop: (key: string, version: number) => Promise.resolve(dropped.push([key, version])) };
  const told = (aggregate_type: string, aggregate_id: string, version: unknown, msAgo = 0) => ({
    aggregate_type,
    aggregate_id,
    occurred_at: new Date(now.getTime() - msAgo).toISOString(),
    data: { version },
  });
  await forgetToldOrders({ cache, clock: { now: () => now } } as never, [
    told("order", "a", 2),
    told("order", "b", 3, 10 * 60_000),
    told("order", "c", 4, 10 * 60_000 + 1),
    told("order", "d", 1),
    told("order", "e", undefined),
    told("cart", "f", 2),
  ] as never);
  assertEquals(dropped, [["orders:a", 2], ["orders:b", 3]]);
});
