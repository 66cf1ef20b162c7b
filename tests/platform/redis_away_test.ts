import { assert, assertEquals } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { type Bucket, type Cache, type CacheRead, openCache, SHAPE } from "../../src/platform/cache.ts";
import type { RedisConfig } from "../../src/config.ts";
import type { RedisOptions } from "../../src/platform/redis.ts";
import {
  NOBODY,
  redisOnPath,
  type RedisServer,
  serveUpstash,
  startBlackHole,
  startRedis,
  Wire,
} from "./redis_server.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;
const BYPASS: CacheRead = { status: "BYPASS" };
/** Tries again at once, so that tests need not wait half a minute. */
const HASTY: RedisOptions = { breaker: { failures: 5, openMs: 20, successes: 3 } };
/** And waits for an answer however busy the machine is: what is cut off fails at once. */
const EAGER: RedisOptions = { ...HASTY, timeoutMs: 10_000 };

async function withCache(
  target: RedisConfig,
  options: RedisOptions,
  test: (cache: Cache) => Promise<void>,
): Promise<void> {
  const cache = await openCache(target, options);
  await test(cache).finally(() => cache.close());
}

interface Away {
  cache: Cache;
  redis: RedisServer;
  /** Between the cache and Redis, or its HTTP API. */
  wire: Wire;
  /** Requests that have come through the HTTP API. */
  posts: () => number;
}

async function withWire(
  kind: "tcp" | "http",
  options: RedisOptions,
  test: (away: Away) => Promise<void>,
): Promise<void> {
  await using redis = await startRedis();
  await using upstash = serveUpstash(redis.direct, "a-token");
  await using wire = new Wire(kind === "tcp" ? redis.port : Number(new URL(upstash.url).port));
  const url = `${kind === "tcp" ? "redis" : "http"}://127.0.0.1:${wire.port}`;
  await withCache(
    { kind, url, token: "a-token" },
    options,
    (cache) => test({ cache, redis, wire, posts: () => upstash.counts.posts }),
  );
}

function test(name: string, options: RedisOptions, body: (away: Away) => Promise<void>): void {
  for (const kind of ["tcp", "http"] as const) {
    Deno.test({
      name: `over ${kind}: ${name}`,
      ignore: !redisOnPath,
      fn: () => withWire(kind, options, body),
    });
  }
}

const newKey = () => `test:${crypto.randomUUID()}`;
const bucket = (limit: number): Bucket => ({ key: `limit:${newKey()}`, limit, windowMs: HOUR_MS });

/** Writes until it is there, for a busy machine may be too slow for the first attempt. */
async function keep(cache: Cache, key: string, version: number, value: string): Promise<void> {
  await until(async () => {
    await cache.put(key, version, value, HOUR_MS);
    const found = await cache.get(key);
    return found.status === "HIT" && found.value === value;
  }, "Redis keeps the value");
}

/** Reads until there is something other than BYPASS. */
function readAgain(cache: Cache, key: string): Promise<CacheRead> {
  return until(async () => {
    const found = await cache.get(key);
    return found.status !== "BYPASS" && found;
  }, "Redis is used again");
}

/** Reads until Redis has answered, whatever came of it. */
function firstAnswered(cache: Cache, key: string): Promise<CacheRead> {
  return until(async () => {
    const { failures } = cache.counters;
    const found = await cache.get(key);
    return cache.counters.failures === failures && found;
  }, "Redis has answered");
}

/** Whether `work` ends before the event loop has turned once: nothing was waited for. */
async function endsAtOnce(work: Promise<unknown>): Promise<boolean> {
  const turn = delay(0);
  const atOnce = await Promise.race([work.then(() => true), turn.then(() => false)]);
  await turn;
  return atOnce;
}

for (const kind of ["tcp", "http"] as const) {
  const targetAt = (port: number): RedisConfig => ({
    kind,
    url: `${kind === "tcp" ? "redis" : "http"}://127.0.0.1:${port}`,
    token: "a-token",
  });

  Deno.test(`over ${kind}: with nobody at the other end nothing fails, and limits are counted in the process`, () =>
    withCache(targetAt(NOBODY), {}, async (cache) => {
      const login = bucket(3);
      const admissions = [];
      for (let i = 0; i < 5; i++) admissions.push(await cache.admit(login, newKey()));
      assertEquals(admissions.map(({ verdict }) => verdict.allowed), [true, true, true, false, false]);
      assertEquals(admissions.map(({ cached }) => cached), [BYPASS, BYPASS, BYPASS, undefined, undefined]);
      assertEquals(await cache.get(newKey()), BYPASS);
      await cache.put(newKey(), 1, "1", HOUR_MS);
      await cache.drop(newKey(), 1, HOUR_MS);
      assertEquals(await cache.health(), { status: "down", latency_ms: undefined, breaker: "open" });
      assertEquals(cache.counters, { hits: 0, misses: 0, bypasses: 4, failures: 9 });
    }));

  Deno.test(`over ${kind}: with a Redis that never answers a request waits once and no longer than it must`, async () => {
    await using hole = startBlackHole();
    await withCache(targetAt(hole.port), {}, async (cache) => {
      await cache.put(newKey(), 1, "1", HOUR_MS);
      await delay(300);
      const start = performance.now();
      assertEquals((await cache.admit(bucket(1), newKey())).cached, BYPASS);
      assert(performance.now() - start < 1000, "gave up late");
      assert(await endsAtOnce(cache.put(newKey(), 1, "1", HOUR_MS)), "waited a second time");
    });
  });
}

test("when Redis goes and comes back it is used again by itself", EAGER, async ({ cache, wire }) => {
  const key = newKey();
  await keep(cache, key, 1, '"kept"');
  for (let round = 0; round < 3; round++) {
    await wire.cut();
    for (let i = 0; i < 10; i++) assertEquals((await cache.admit(bucket(1), key)).cached, BYPASS);
    wire.mend();
    assertEquals(await readAgain(cache, key), { status: "HIT", value: '"kept"' });
  }
  assertEquals((await cache.health()).status, "up");
});

test(
  "a paused Redis costs no request its answer, and late answers are not taken for others",
  HASTY,
  async ({ cache, redis }) => {
    const keys = Array.from({ length: 50 }, newKey);
    const readAll = async () => {
      const reads = await Promise.all(keys.map((key) => cache.get(key)));
      reads.forEach((read, i) => read.status === "HIT" && assertEquals(read.value, JSON.stringify(keys[i])));
      return reads.filter(({ status }) => status === "HIT").length;
    };
    for (const key of keys) await keep(cache, key, 1, JSON.stringify(key));
    for (let round = 0; round < 3; round++) {
      redis.pause();
      assertEquals(await readAll(), 0);
      await delay(round * 100);
      assertEquals(await readAll(), 0);
      redis.resume();
      for (const key of keys) assertEquals((await readAgain(cache, key)).status, "HIT");
    }
  },
);

test("a connection that has gone silent is replaced", HASTY, async ({ cache, wire }) => {
  const key = newKey();
  await keep(cache, key, 1, '"kept"');
  wire.silence();
  assertEquals(await cache.get(key), BYPASS);
  assertEquals(await readAgain(cache, key), { status: "HIT", value: '"kept"' });
});

test("a call whose answer was lost is not sent again", HASTY, async ({ cache, redis }) => {
  const shared = bucket(10);
  await cache.admit(shared);
  redis.pause();
  const { failures } = cache.counters;
  await cache.admit(shared);
  assertEquals(cache.counters.failures, failures + 1);
  redis.resume();
  await readAgain(cache, newKey());
  assert((await cache.admit(shared)).verdict.remaining >= 7, "counted twice");
});

test("an open breaker keeps calls from Redis even when it is back", {}, async ({ cache, wire, posts }) => {
  await wire.cut();
  for (let i = 0; i < 5; i++) await cache.get(newKey());
  assertEquals((await cache.health()).breaker, "open");
  wire.mend();
  const before = posts();
  for (let i = 0; i < 20; i++) assert(await endsAtOnce(cache.admit(bucket(1), newKey())));
  assertEquals([posts(), cache.counters.failures], [before, 26]);
});

test(
  "after a write that failed no older version is read, and Redis is put right when it is back",
  EAGER,
  async (away) => {
    const { cache, redis, wire } = away;
    for (const write of ["put", "drop"] as const) {
      const key = newKey();
      await keep(cache, key, 1, '"old"');
      await wire.cut();
      await (write === "put" ? cache.put(key, 2, '"new"', HOUR_MS) : cache.drop(key, 2, HOUR_MS));
      assertEquals(await redis.direct.get(key), `{"version":1,"shape":${SHAPE},"value":"old"}`);
      wire.mend();
      assertEquals(await firstAnswered(cache, key), BYPASS, "Redis still has the old version");
      assertEquals(await readAgain(cache, key), { status: "MISS" });
      await cache.put(key, 1, '"a slow reader\'s"', HOUR_MS);
      assertEquals(await cache.get(key), { status: "MISS" });
      await cache.put(key, 2, '"new"', HOUR_MS);
      assertEquals(await cache.get(key), { status: "HIT", value: '"new"' });
    }
  },
);

test(
  "a slow reader's older write lets no older version be read after one that failed, whether it fails as well or not",
  EAGER,
  async ({ cache, wire }) => {
    const key = newKey();
    await keep(cache, key, 1, '"old"');
    await wire.cut();
    await cache.put(key, 2, '"new"', HOUR_MS);
    await cache.put(key, 1, '"old"', HOUR_MS);
    await until(async () => (await cache.health()).breaker === "open", "the breaker opens");
    wire.mend();
    await until(async () => {
      const { failures } = cache.counters;
      await cache.put(key, 1, '"old"', HOUR_MS);
      return cache.counters.failures === failures;
    }, "Redis takes it");
    assertEquals(await firstAnswered(cache, key), BYPASS);
  },
);

test(
  "a newer version from elsewhere is read although this process's own write failed",
  EAGER,
  async ({ cache, redis, wire }) => {
    const key = newKey();
    await wire.cut();
    await cache.put(key, 2, '"mine"', HOUR_MS);
    await redis.direct.set(key, `{"version":3,"shape":${SHAPE},"value":"theirs"}`);
    wire.mend();
    assertEquals(await firstAnswered(cache, key), { status: "HIT", value: '"theirs"' });
    await until(async () => (await cache.health()).breaker === "closed", "the breaker closes");
    await cache.health();
    assertEquals(await redis.direct.get(key), `{"version":3,"shape":${SHAPE},"value":"theirs"}`);
  },
);

test(
  "a failed write is forgotten when what it would have replaced has expired",
  EAGER,
  async ({ cache, redis, wire }) => {
    const key = newKey();
    await wire.cut();
    await cache.put(key, 2, '"new"', 50);
    await delay(60);
    await redis.direct.set(key, `{"version":1,"shape":${SHAPE},"value":"restored"}`);
    wire.mend();
    assertEquals(await firstAnswered(cache, key), { status: "HIT", value: '"restored"' });
  },
);

test(
  "after more failed writes than can be remembered nothing is trusted",
  EAGER,
  async ({ cache, redis, wire }) => {
    const key = newKey();
    await keep(cache, key, 1, '"old"');
    await wire.cut();
    for (let i = 0; i < 50_000; i++) await cache.put(`test:${i}`, 1, "1", HOUR_MS);
    await cache.put(key, 2, '"new"', HOUR_MS);
    await cache.put(newKey(), 1, "1", 1);
    await delay(2);
    wire.mend();
    assertEquals(await firstAnswered(cache, key), BYPASS);
    assertEquals(await redis.direct.get(key), `{"version":1,"shape":${SHAPE},"value":"old"}`);
  },
);

test(
  "a write that failed is made up for once, and a Redis that takes no writes is not asked for that again and again",
  EAGER,
  async ({ cache, redis, wire }) => {
    const key = newKey();
    await keep(cache, key, 1, '"old"');
    await wire.cut();
    await cache.put(key, 2, '"new"', HOUR_MS);
    wire.mend();
    assertEquals(await readAgain(cache, key), { status: "MISS" });
    const writes = async () => {
      const stats = await redis.direct.info("commandstats");
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)![1]);
    };
    const before = await writes();
    for (let i = 0; i < 50; i++) await redis.direct.ping();
    assertEquals(await writes(), before);

    await redis.direct.config("SET", "maxmemory", "1");
    await cache.put(key, 3, '"newer"', HOUR_MS);
    const { failures } = cache.counters;
    assertEquals((await cache.get(newKey())).status, "MISS");
    await until(() => cache.counters.failures > failures, "it is tried");
    for (let i = 0; i < 50; i++) await redis.direct.ping();
    assertEquals(cache.counters.failures, failures + 1);
  },
);

test(
  "a Redis that keeps nothing, being full or a replica, is not said to be up",
  EAGER,
  async ({ cache, redis }) => {
    const state = async () => {
      const { verdict, cached } = await cache.admit(bucket(2), newKey());
      return [verdict.allowed, cached?.status, (await cache.health()).status];
    };
    await keep(cache, newKey(), 1, "{}");
    assertEquals((await cache.health()).status, "up");
    await redis.direct.config("SET", "maxmemory", "1");
    assertEquals(await state(), [true, "BYPASS", "down"]);
    await redis.direct.config("SET", "maxmemory", "0");
    await keep(cache, newKey(), 1, "{}");
    assertEquals((await cache.health()).status, "up");
    await redis.direct.replicaof("127.0.0.1", String(NOBODY));
    assertEquals(await state(), [true, "BYPASS", "down"]);
    await redis.direct.replicaof("NO", "ONE");
    await keep(cache, newKey(), 1, "{}");
  },
);

Deno.test({
  name: "over tcp: a database that there is not is as good as no Redis, and nothing is written to another",
  ignore: !redisOnPath,
  async fn() {
    await using redis = await startRedis();
    await withCache({ kind: "tcp", url: `${redis.url}/99` }, EAGER, async (cache) => {
      assertEquals((await cache.admit(bucket(1), newKey())).cached, BYPASS);
      await cache.put(newKey(), 1, "{}", HOUR_MS);
      assertEquals((await cache.health()).status, "down");
      assertEquals(await redis.direct.dbsize(), 0);
    });
  },
});

Deno.test("over http: a call is tried once", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const refusing = (async () => {
    for await (const connection of listener) {
      connections++;
      connection.close();
    }
  })();
  await withCache(
    { kind: "http", url: `http://127.0.0.1:${listener.addr.port}`, token: "t" },
    {},
    async (cache) => {
      const before = connections;
      assertEquals(await cache.get(newKey()), BYPASS);
      assertEquals(connections, before + 1);
    },
  );
  listener.close();
  await refusing;
});

Deno.test("over http: a call that nobody waits for any more ends with the next one that takes too long", async () => {
  await using hole = startBlackHole();
  await withCache(
    { kind: "http", url: `http://127.0.0.1:${hole.port}`, token: "t" },
    EAGER,
    async (cache) => {
      let isLost = false;
      const lost = hole.lostFirst().then(() => isLost = true);
      await until(async () => {
        assertEquals(await cache.get(newKey()), BYPASS);
        return isLost;
      }, "the first call has ended");
      await lost;
    },
  );
});

Deno.test({
  name: "over http: a wrong token is as good as no Redis",
  ignore: !redisOnPath,
  async fn() {
    await using redis = await startRedis();
    await using upstash = serveUpstash(redis.direct, "a-token");
    await withCache({ kind: "http", url: upstash.url, token: "another" }, {}, async (cache) => {
      assertEquals((await cache.admit(bucket(1), newKey())).cached, BYPASS);
      assertEquals((await cache.health()).status, "down");
    });
  },
});
