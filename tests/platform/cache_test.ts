import { assert, assertEquals, assertMatch } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { Redis as RespConnection } from "ioredis";
import { type Bucket, type Cache, openCache, SHAPE } from "../../src/platform/cache.ts";
import { redisOnPath, serveUpstash, startRedis } from "./redis_server.ts";

const HOUR_MS = 3_600_000;
const TOKEN = "a-token";
const redisUrl = Deno.env.get("TEST_REDIS_URL");

/** Caches that share what they share in life (two processes, except in one process), and what is behind them. */
interface Fixture {
  cache: Cache;
  other: Cache;
  /** Requests to the HTTP API so far. */
  posts?: { posts: number };
  redis?: RespConnection;
}
type Test = (fixture: Fixture) => Promise<void>;

async function withRedis(test: (redis: RespConnection, url: string) => Promise<void>): Promise<void> {
  if (!redisUrl) {
    await using server = await startRedis();
    return await test(server.direct, server.url);
  }
  const redis = new RespConnection(redisUrl, { lazyConnect: true });
  await redis.connect();
  try {
    await test(redis, redisUrl);
  } finally {
    const ended = new Promise((resolve) => redis.once("end", resolve));
    redis.disconnect();
    await ended;
  }
}

/** Time enough for a busy machine: what is slow is not what is tested here. */
const PATIENT = { timeoutMs: 5000 };

const transports: Record<string, (test: Test) => Promise<void>> = {
  async "without Redis"(test) {
    const cache = await openCache();
    await test({ cache, other: cache }).finally(() => cache.close());
  },
  "in Redis over TCP": (test) =>
    withRedis(async (redis, url) => {
      const cache = await openCache({ kind: "tcp", url }, PATIENT);
      const other = await openCache({ kind: "tcp", url }, PATIENT);
      await test({ cache, other, redis }).finally(() => Promise.all([cache.close(), other.close()]));
    }),
  "in Redis over HTTP": (test) =>
    withRedis(async (redis) => {
      await using upstash = serveUpstash(redis, TOKEN);
      const target = { kind: "http" as const, url: upstash.url, token: TOKEN };
      const cache = await openCache(target, PATIENT);
      const other = await openCache(target, PATIENT);
      await test({ cache, other, redis, posts: upstash.counts }).finally(() =>
        Promise.all([cache.close(), other.close()])
      );
    }),
};

function test(name: string, body: Test, only: string[] = Object.keys(transports)): void {
  for (const transport of only) {
    const ignore = transport !== "without Redis" && !redisUrl && !redisOnPath;
    Deno.test({ name: `${transport}: ${name}`, ignore, fn: () => transports[transport]!(body) });
  }
}
const REDIS_ONLY = ["in Redis over TCP", "in Redis over HTTP"];

const newKey = () => `test:${crypto.randomUUID()}`;
const bucket = (limit: number, windowMs = HOUR_MS): Bucket => ({ key: `limit:${newKey()}`, limit, windowMs });

test("a value reads back as the very text that was written", async ({ cache, other }) => {
  const texts = [
    "123",
    "null",
    "true",
    '"OK"',
    '"1"',
    "1.50",
    '{"a":"}","b":"\\"]"}',
    '"żółw 🐢 \u2028"',
    '"version":9',
    `"${"x".repeat(200_000)}"`,
  ];
  for (const text of texts) {
    const key = newKey();
    await cache.put(key, 1, text, HOUR_MS);
    assertEquals(await other.get(key), { status: "HIT", value: text });
    assertEquals((await other.admit(bucket(1), key)).cached, { status: "HIT", value: text });
  }
}, REDIS_ONLY);

test("a key that was never written is a miss", async ({ cache }) => {
  assertEquals(await cache.get(newKey()), { status: "MISS" });
  assertEquals((await cache.admit(bucket(1), newKey())).cached, { status: "MISS" });
  assertEquals((await cache.admit(bucket(1))).cached, undefined);
}, REDIS_ONLY);

test("an older version never replaces a newer one, whoever writes last", async ({ cache, other }) => {
  const key = newKey();
  await cache.put(key, 10, '"ten"', HOUR_MS);
  await other.put(key, 9, '"nine"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"ten"' });
  await other.put(key, 10, '"ten again"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"ten again"' });
  await other.put(key, 11, '"eleven"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"eleven"' });
}, REDIS_ONLY);

test(
  "1,000 random interleavings of writers and readers end at the newest version and never go back",
  async ({ cache, other }) => {
    const both = [cache, other];
    const versions = [1, 2, 9, 10, 11, 100];
    const shuffled = () => [...versions].sort(() => Math.random() - 0.5);
    const race = async () => {
      const key = newKey();
      let newestWritten = 0;
      const write = async (version: number) => {
        await delay(Math.random() * 3);
        await both[version % 2]!.put(key, version, String(version), HOUR_MS);
        newestWritten = Math.max(newestWritten, version);
      };
      const read = async () => {
        for (let i = 0; i < 4; i++) {
          await delay(Math.random());
          const atLeast = newestWritten;
          const found = await both[i % 2]!.get(key);
          if (found.status === "HIT") {
            assert(Number(found.value) >= atLeast, `read ${found.value} after ${atLeast}`);
          } else assertEquals([found.status, atLeast], ["MISS", 0]);
        }
      };
      await Promise.all([...shuffled().map(write), read()]);
      assertEquals(await cache.get(key), { status: "HIT", value: "100" });
    };
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 50 }, race));
  },
  REDIS_ONLY,
);

test("what stands in a value cannot pass for its version", async ({ cache, other }) => {
  const key = newKey();
  await cache.put(key, 1, '{"version":99,"value":{"version":98}}', HOUR_MS);
  await other.put(key, 2, '"second"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"second"' });
  await other.put(key, 1, '{"version":99}', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"second"' });
}, REDIS_ONLY);

test("a dropped value is gone, and no version before the drop comes back", async ({ cache, other }) => {
  const key = newKey();
  await cache.put(key, 3, '"third"', HOUR_MS);
  await other.drop(key, 4, HOUR_MS);
  assertEquals(await cache.get(key), { status: "MISS" });
  await cache.put(key, 3, '"third"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "MISS" });
  await cache.put(key, 4, '"fourth"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"fourth"' });
  await other.drop(key, 4, HOUR_MS);
  assertEquals(
    await cache.get(key),
    { status: "HIT", value: '"fourth"' },
    "this version is not an older one",
  );
}, REDIS_ONLY);

test("a value is gone when its time is over", async ({ cache }) => {
  const key = newKey();
  await cache.put(key, 1, '"short"', 50);
  await delay(60);
  assertEquals(await cache.get(key), { status: "MISS" });
}, REDIS_ONLY);

test(
  "Redis keeps a value under its very key, as JSON with its version, for its time to live",
  async ({ cache, redis }) => {
    const key = `orders:${crypto.randomUUID()}`;
    await cache.put(key, 7, '{"id":1}', 300_000);
    assertEquals(JSON.parse((await redis!.get(key))!), { version: 7, shape: SHAPE, value: { id: 1 } });
    const ttl = await redis!.ttl(key);
    assert(ttl > 290 && ttl <= 300, `TTL ${ttl}`);
  },
  REDIS_ONLY,
);

test("what others have put under a key is a miss, not a fault", async ({ cache, redis }) => {
  const key = newKey();
  // The last ones are of releases that cached other fields.
  const texts = [
    "",
    "hello",
    '{"value":1,"version":2}',
    ' {"version":1,"value":1}',
    '{"version":1,"value":1}',
    `{"version":1,"shape":${SHAPE + 1},"value":1}`,
  ];
  for (const text of texts) {
    await redis!.set(key, text);
    assertEquals(await cache.get(key), { status: "MISS" });
  }
  await cache.put(key, 1, '"mine"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "HIT", value: '"mine"' });
}, REDIS_ONLY);

test("of 50 requests at once exactly as many pass as the limit says", async ({ cache, other }) => {
  const shared = bucket(20);
  const admissions = await Promise.all(
    Array.from({ length: 50 }, (_, i) => (i % 2 ? cache : other).admit(shared)),
  );
  const passed = admissions.filter(({ verdict }) => verdict.allowed);
  assertEquals(passed.length, 20);
  assertEquals(
    passed.map(({ verdict }) => verdict.remaining).sort((a, b) => b - a),
    Array.from({ length: 20 }, (_, i) => 19 - i),
  );
});

test("every limit is exact, also where it does not divide its window", async ({ cache }) => {
  for (const [limit, windowMs] of [[1, HOUR_MS], [7, HOUR_MS], [3000, 86_400_000]] as const) {
    const one = bucket(limit, windowMs);
    const admissions = await Promise.all(Array.from({ length: limit + 5 }, () => cache.admit(one)));
    assertEquals(admissions.filter(({ verdict }) => verdict.allowed).length, limit);
  }
});

test("a verdict says what is left and when to come back", async ({ cache }) => {
  const three = bucket(3, 60_000);
  const first = (await cache.admit(three)).verdict;
  assertEquals([first.allowed, first.limit, first.windowMs, first.remaining, first.retryAfterMs], [
    true,
    3,
    60_000,
    2,
    0,
  ]);
  assert(first.resetMs > 19_000 && first.resetMs <= 20_000, `whole again in ${first.resetMs} ms`);
  await cache.admit(three);
  const last = (await cache.admit(three)).verdict;
  assertEquals([last.allowed, last.remaining], [true, 0]);
  assert(last.retryAfterMs > 15_000 && last.retryAfterMs <= 20_000, `next in ${last.retryAfterMs} ms`);
  const refused = (await cache.admit(three)).verdict;
  assertEquals([refused.allowed, refused.remaining], [false, 0]);
  assert(
    refused.retryAfterMs > 15_000 && refused.retryAfterMs <= 20_000,
    `next in ${refused.retryAfterMs} ms`,
  );
  assert(refused.resetMs > 55_000 && refused.resetMs <= 60_000, `whole again in ${refused.resetMs} ms`);
});

test("a request passes after the time it was told to wait, and not before", async ({ cache }) => {
  const one = bucket(1, 300);
  const start = performance.now();
  await cache.admit(one);
  while (!(await cache.admit(one)).verdict.allowed && performance.now() - start < 10_000) await delay(5);
  const waitedMs = performance.now() - start;
  assert(waitedMs >= 300 && waitedMs < 10_000, `passed after ${waitedMs} ms`);
  const { verdict } = await cache.admit(one);
  await delay(verdict.allowed ? 300 : verdict.retryAfterMs); // it passes where the machine was busy for so long
  assertEquals((await cache.admit(one)).verdict.allowed, true, "longer than it said");
});

test("a bucket that was left alone for long holds its limit, and no more", async ({ cache }) => {
  const [two, costMs] = [bucket(2, 200), 100];
  await cache.admit(two);
  await delay(10 * costMs);
  const start = performance.now();
  const admissions = await Promise.all(Array.from({ length: 20 }, () => cache.admit(two)));
  const earned = Math.ceil((performance.now() - start) / costMs);
  const passed = admissions.filter(({ verdict }) => verdict.allowed).length;
  assert(passed >= 2 && passed <= 2 + earned, `${passed} passed`);
});

test(
  "a bucket that is fuller than it can be (Redis' clock jumped back, its window was made shorter) is just full",
  async ({ cache, redis }) => {
    const second = bucket(10, 1000);
    await redis!.set(second.key, String((Date.now() + HOUR_MS) * 1000), "PX", HOUR_MS);
    const { verdict } = await cache.admit(second);
    assertEquals([verdict.allowed, verdict.retryAfterMs], [false, 100]);
    await delay(2 * verdict.retryAfterMs);
    assertEquals((await cache.admit(second)).verdict.allowed, true, "longer than it said");
  },
  REDIS_ONLY,
);

test("a refused request reads nothing", async ({ cache }) => {
  const key = newKey();
  await cache.put(key, 1, "1", HOUR_MS);
  const one = bucket(1);
  assertEquals((await cache.admit(one, key)).cached, { status: "HIT", value: "1" });
  assertEquals((await cache.admit(one, key)).cached, undefined);
}, REDIS_ONLY);

test("an emptied bucket leaves nothing behind in Redis", async ({ cache, redis }) => {
  const one = bucket(4, 240_000);
  await cache.admit(one);
  const ttl = await redis!.pttl(one.key);
  assert(ttl > 0 && ttl <= 60_000, `PTTL ${ttl}`);
}, REDIS_ONLY);

test("counting and reading are one round trip", async ({ cache, posts }) => {
  await cache.admit(bucket(5), newKey());
  const before = posts!.posts;
  await cache.admit(bucket(5), newKey());
  assertEquals(posts!.posts - before, 1);
}, ["in Redis over HTTP"]);

test("a Redis that has forgotten the scripts is taught them again", async ({ cache, redis }) => {
  const key = newKey();
  await redis!.script("FLUSH");
  await cache.put(key, 1, "1", HOUR_MS);
  await redis!.script("FLUSH");
  assertEquals((await cache.admit(bucket(1), key)).cached, { status: "HIT", value: "1" });
  assertEquals(cache.counters.failures, 0);
}, REDIS_ONLY);

test("the counters tell hits from misses", async ({ cache }) => {
  const key = newKey();
  await cache.get(key);
  await cache.put(key, 1, "1", HOUR_MS);
  await cache.get(key);
  await cache.admit(bucket(1), key);
  assertEquals(cache.counters, { hits: 2, misses: 1, bypasses: 0, failures: 0 });
}, REDIS_ONLY);

test("health says that Redis is up and how fast", async ({ cache }) => {
  const health = await cache.health();
  assertEquals([health.status, health.breaker], ["up", "closed"]);
  assertMatch(String(health.latency_ms), /^\d+(\.\d{1,2})?$/);
}, REDIS_ONLY);

test("health says that there is no Redis to ask", async ({ cache }) => {
  assertEquals(await cache.health(), { status: "in_process" });
}, ["without Redis"]);

test("nothing is kept, as others could not say that it has changed", async ({ cache }) => {
  const key = newKey();
  await cache.put(key, 1, '"old"', HOUR_MS);
  assertEquals(await cache.get(key), { status: "BYPASS" });
  assertEquals((await cache.admit(bucket(1), key)).cached, { status: "BYPASS" });
}, ["without Redis"]);
