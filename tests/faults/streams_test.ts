import { assert, assertEquals } from "@std/assert";
import { hasRedis, testRedis } from "../support/database.ts";
import { startTestApp, TEST_SECRET, type TestApp } from "../support/app.ts";
import { addProduct, place } from "../support/orders.ts";
import { startProcess } from "../support/process.ts";
import { logOf, SocketClient, SseClient } from "../http/realtime/support.ts";
import { until } from "../support/until.ts";

const KILLS = 20;

/** What makes a process serve the same as the app: its database and its tokens. */
function envOf({ deps }: TestApp): Record<string, string> {
  return {
    APP_ENV: "test",
    DATABASE_URL: deps.config.databaseUrl,
    SECRET_KEY: TEST_SECRET,
    HOST: "127.0.0.1",
    PORT: "0",
  };
}

Deno.test("a process killed 20 times amid its streams loses no event of its clients and repeats none", async () => {
  await using app = await startTestApp();
  await using redis = hasRedis ? await testRedis() : undefined;
  const env = { ...envOf(app), ...redis && { REDIS_URL: redis.url } };
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1_000_000 });
  let writing = true;
  // Placed by another process than the one that is killed; not so many that a client never gets to the end.
  const writers = [user, staff].map(async (who) => {
    while (writing) {
      await place(app, who, { [sku]: 1 });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  const clients = [{ ...user, seen: [] as number[], lastId: 0 }, {
    ...staff,
    seen: [] as number[],
    lastId: 0,
  }];
  for (let kill = 0; kill < KILLS; kill++) {
    const process = await startProcess("src/main.ts", env);
    const streams = await Promise.all(
      clients.map(({ token, lastId }) => SseClient.open(process.url, { token, lastEventId: lastId })),
    );
    const wanted = Math.floor(Math.random() * 60);
    await until(() => streams.every(({ events }) => events.length >= wanted), "events come");
    await process.kill();
    for (const [index, stream] of streams.entries()) {
      await stream.end();
      clients[index]!.seen.push(...stream.ids);
      clients[index]!.lastId = stream.lastId ?? clients[index]!.lastId;
    }
  }
  writing = false;
  await Promise.all(writers);
  const process = await startProcess("src/main.ts", env);
  for (const { id, token, seen, lastId } of clients) {
    const expected = await logOf(app, id === staff.id ? undefined : id);
    assert(seen.length > KILLS, "the client saw something between the kills");
    await using rest = await SseClient.open(process.url, { token, lastEventId: lastId });
    await until(() => seen.length + rest.events.length >= expected.length, "the rest");
    assertEquals([...seen, ...rest.ids], expected);
  }
  assertEquals((await process.stop()).code, 0);
});

Deno.test("SIGTERM ends open streams and sockets with a word, and the process in time", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const process = await startProcess("src/main.ts", envOf(app));
  await using stream = await SseClient.open(process.url, { token: user.token });
  await using socket = await SocketClient.open(process.url, { token: user.token });
  const started = performance.now();
  assertEquals((await process.stop()).code, 0);
  assert(performance.now() - started < 8000, "it waited for its streams");
  await stream.end();
  assertEquals(stream.comments, ["restarting"]);
  assertEquals(await socket.end(), 1012);
});
