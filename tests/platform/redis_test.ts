import { assertEquals, assertRejects } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "../../src/platform/redis.ts";
import { redisOnPath, type RedisServer, startBlackHole, startRedis } from "./redis_server.ts";

function test(name: string, body: (redis: Redis, server: RedisServer) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !redisOnPath,
    async fn() {
      await using server = await startRedis();
      const redis = await Redis.open({ kind: "tcp", url: server.url });
      await body(redis, server).finally(() => redis.close());
    },
  });
}

test("strings stay strings over TCP, whatever they look like", async ({ commands }) => {
  for (const text of ["123", "null", '{"a":1}', "plain"]) {
    await commands.set("key", text);
    assertEquals(await commands.get<string>("key"), text);
    assertEquals(await commands.mget<string[]>("key", "none"), [text, null] as string[]);
  }
});

test("pipelines and transactions work over TCP, and tell each command's error", async ({ commands }) => {
  assertEquals(await commands.pipeline().set("n", 1).incr("n").get("n").exec(), ["OK", 2, "2"]);
  assertEquals(await commands.multi().set("n", 5).incr("n").exec(), ["OK", 6]);
  const replies = await commands.pipeline().lpush("n", "x").get("n").exec({ keepErrors: true });
  assertEquals(replies.map(({ error, result }) => [error?.split(" ")[0], result]), [
    ["WRONGTYPE", undefined],
    [undefined, "6"],
  ]);
});

test("an error that Redis answers rejects the call and leaves the connection usable", async (redis) => {
  await redis.commands.set("text", "x");
  await assertRejects(() => redis.run(() => redis.commands.incr("text")), Error, "not an integer");
  assertEquals(await redis.run(() => redis.commands.get("text")), "x");
});

test("a busy event loop is not taken for a dead Redis", async (redis) => {
  await redis.commands.set("key", "value");
  for (let round = 0; round < 5; round++) {
    const answers = Array.from({ length: 20 }, () => redis.run(() => redis.commands.get("key")));
    await Promise.resolve();
    const end = performance.now() + 200;
    while (performance.now() < end);
    assertEquals(new Set(await Promise.all(answers)), new Set(["value"]));
  }
});

test("a call in vain ends by itself, and the next one does not wait again", async (redis, server) => {
  server.pause();
  await assertRejects(() => redis.run(() => redis.commands.get("key")), Error, "in time");
  const next = redis.run(() => redis.commands.get("key")).catch(() => "refused");
  const turn = delay(0);
  assertEquals(await Promise.race([next, turn]), "refused");
  await turn;
  server.resume();
});

for (const kind of ["tcp", "http"] as const) {
  Deno.test(`over ${kind}: closing ends calls that still wait and hangs up`, async () => {
    await using hole = startBlackHole();
    const scheme = kind === "tcp" ? "redis" : "http";
    const redis = await Redis.open({ kind, url: `${scheme}://127.0.0.1:${hole.port}`, token: "t" }, {
      timeoutMs: 60_000,
    });
    const call = assertRejects(() => redis.run(() => redis.commands.get("key")));
    await redis.close();
    await call;
    await hole.isAlone();
  });
}
