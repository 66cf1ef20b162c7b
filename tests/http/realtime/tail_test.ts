import { assert, assertEquals } from "@std/assert";
import { Wire } from "../../platform/redis_server.ts";
import { openCache } from "../../../src/platform/cache.ts";
import { testWithRedis } from "../../support/database.ts";
import { startTestServer } from "../../support/server.ts";
import { cutConnections } from "../../support/app.ts";
import { addProduct, patch, place, read, startAnother, tryToPlace } from "../../support/orders.ts";
import { liveDeps, logOf, refusal, SocketClient, SseClient, startLive } from "./support.ts";
import { until } from "../../support/until.ts";

Deno.test("streams outlive their database's connections: afterwards they go on, with nothing missing or twice", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1_000_000 });
  await using stream = await SseClient.open(url, { token: user.token });
  await using all = await SocketClient.open(url, { token: staff.token });
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i++) await tryToPlace(app, user, { [sku]: 1 }, { key: String(i) });
  })();
  for (let cut = 0; cut < 10; cut++) {
    const seen = stream.events.length;
    await until(() => stream.events.length > seen + 4, "events come");
    assert(await cutConnections(app) > 0);
  }
  writing = false;
  await writer;
  const placed = async () => (await tryToPlace(app, user, { [sku]: 1 }, { key: "last" })).status === 201;
  await until(placed, "the database answers again");
  const expected = await logOf(app, user.id);
  await stream.receive(expected.length);
  assertEquals(stream.ids, expected);
  const everything = await logOf(app);
  await all.receive(everything.length);
  assertEquals(all.events.map(({ position }) => position), everything);
});

Deno.test("while the database is away a new stream is refused, and one that is open waits and goes on", async () => {
  let wire: Wire;
  await using server = await startTestServer({}, (config) => {
    const address = new URL(config.databaseUrl);
    wire = new Wire(Number(address.port || 5432));
    address.host = `127.0.0.1:${wire.port}`;
    return liveDeps({ ...config, databaseUrl: address.href });
  });
  const { app, url } = server;
  const [user, other] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  await using stream = await SseClient.open(url, { token: user.token });
  await wire!.cut();
  assertEquals(await refusal(url, { token: other.token }), [503, "unavailable"]);
  await using past = await SseClient.open(url, { token: user.token, query: { after: "0" } });
  assertEquals([stream.isEnded, past.isEnded], [false, false]);
  wire!.mend();
  await place(app, user, { [sku]: 1 });
  const expected = await logOf(app, user.id);
  for (const each of [stream, past]) {
    await each.receive(expected.length);
    assertEquals(each.ids, expected);
  }
  await wire![Symbol.asyncDispose]();
});

Deno.test("over one database each process brings what any of them did, and a client may change between them", async () => {
  await using server = await startLive();
  const { app, url } = server;
  await using other = await startAnother(app);
  const second = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, other.fetch);
  const secondUrl = `http://127.0.0.1:${second.addr.port}`;
  const user = await app.user();
  const { sku } = await addProduct(app);
  {
    await using here = await SseClient.open(url, { token: user.token });
    await using there = await SseClient.open(secondUrl, { token: user.token });
    for (let i = 0; i < 10; i++) await place(i % 2 ? app : other, user, { [sku]: 1 });
    const expected = await logOf(app, user.id);
    for (const stream of [here, there]) {
      await stream.receive(expected.length);
      assertEquals(stream.ids, expected);
    }
  }
  const seen: number[] = [];
  for (let i = 0; i < 10; i++) {
    await place(app, user, { [sku]: 1 });
    await using stream = await SseClient.open(i % 2 ? url : secondUrl, {
      token: user.token,
      lastEventId: seen.at(-1) ?? 0,
    });
    await stream.receive(1);
    await stream.close();
    seen.push(...stream.ids);
  }
  const expected = await logOf(app, user.id);
  await using rest = await SseClient.open(url, { token: user.token, lastEventId: seen.at(-1) });
  await until(() => seen.length + rest.events.length >= expected.length, "the rest");
  assertEquals([...seen, ...rest.ids], expected);
  await other.deps.streams.close();
  await second.shutdown();
});

testWithRedis(
  "who is told of a change by a stream reads no order from before it, also if no cache was told of it",
  async () => {
    await using server = await startTestServer();
    const { app, url } = server;
    await using other = await startAnother(app);
    // As if it had been killed between its commit and its word to the cache.
    const told = other.deps.cache;
    Object.assign(other.deps, { cache: await openCache() });
    const user = await app.user();
    const { sku } = await addProduct(app);
    const { id } = await place(app, user, { [sku]: 1 });
    await using stream = await SseClient.open(url, { token: user.token });
    assertEquals((await read(app, user, id)).body.status, "PENDING");
    assertEquals((await patch(other, user, id, { status: "CANCELLED" })).status, 200);
    await until(() => stream.events.some(({ type }) => type === "order.cancelled"), "the stream tells of it");
    assertEquals((await read(app, user, id)).body.status, "CANCELLED");
    Object.assign(other.deps, { cache: told });
  },
);

Deno.test("nobody listens, nobody looks: without streams the log is not read", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  const { sku } = await addProduct(app);
  let looks = 0;
  const settled = app.deps.horizon.settled.bind(app.deps.horizon);
  app.deps.horizon.settled = () => {
    looks++;
    return settled();
  };
  let listening = 0;
  const listen = app.deps.bell.listen.bind(app.deps.bell);
  app.deps.bell.listen = (channel, hear) => {
    listening++;
    const silence = listen(channel, hear);
    return () => {
      listening--;
      silence();
    };
  };
  const stream = await SseClient.open(url, { token: user.token });
  await place(app, user, { [sku]: 1 });
  await stream.receive(2);
  await stream.close();
  await until(() => app.deps.streams.size === 0, "it is gone");
  await until(async () => {
    const before = looks;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return looks === before;
  }, "the looks end");
  assertEquals(listening, 0);
  // And who comes then gets what was written in between.
  await place(app, user, { [sku]: 1 });
  await using again = await SseClient.open(url, { token: user.token, lastEventId: stream.lastId });
  await place(app, user, { [sku]: 1 });
  await again.receive(4);
  assertEquals([...stream.ids, ...again.ids], await logOf(app, user.id));
});
