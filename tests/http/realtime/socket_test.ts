import { assert, assertEquals } from "@std/assert";
import { addProduct, place } from "../../support/orders.ts";
import { askRaw, HANDSHAKE, logOf, SocketClient, startLive } from "./support.ts";
import { until } from "../../support/until.ts";

Deno.test("a customer's socket brings their own events and nobody else's; the staff's brings all", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [anna, ben, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await using annas = await SocketClient.open(url, { token: anna.token });
  await using bens = await SocketClient.open(url, { token: ben.token });
  await using orders = await SocketClient.open(url, { token: ben.token, query: { type: "order.*" } });
  await using all = await SocketClient.open(url, { token: staff.token });
  for (let i = 0; i < 5; i++) {
    await place(app, anna, { [sku]: 1 });
    await place(app, ben, { [sku]: 1 });
  }
  const everything = await logOf(app);
  await all.receive(everything.length);
  const positions = (client: SocketClient) => client.events.map(({ position }) => position);
  assertEquals(positions(all), everything);
  for (const [client, user] of [[annas, anna], [bens, ben]] as const) {
    const own = await logOf(app, user.id);
    await client.receive(own.length);
    assertEquals(positions(client), own);
  }
  await orders.receive(5);
  const { body } = await app.request("GET", "/v1/events?type=order.*", { token: ben.token });
  assertEquals(orders.events, body.data);
});

Deno.test("cut off while events are written, a socket's client goes on with exactly what it missed", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 1_000_000 });
  let writing = true;
  const writer = (async () => {
    while (writing) await place(app, user, { [sku]: 1 });
  })();
  const seen: number[] = [];
  for (let connection = 0; connection < 20; connection++) {
    await using client = await SocketClient.open(url, {
      token: user.token,
      query: { after: String(seen.at(-1) ?? 0) },
    });
    await client.receive(1 + connection % 5 * 3);
    client.socket.onmessage = null;
    seen.push(...client.events.map(({ position }) => position));
  }
  writing = false;
  await writer;
  const expected = await logOf(app, user.id);
  await using rest = await SocketClient.open(url, {
    token: user.token,
    query: { after: String(seen.at(-1)) },
  });
  await until(() => seen.length + rest.events.length >= expected.length, "the rest");
  assertEquals([...seen, ...rest.events.map(({ position }) => position)], expected);
});

Deno.test("a socket tells how far it has come, by itself and when it is asked", async () => {
  await using server = await startLive({ heartbeatMs: 300 });
  const { app, url } = server;
  const [user, other] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  await using client = await SocketClient.open(url, { token: user.token });
  await place(app, other, { [sku]: 1 });
  const last = (await logOf(app)).at(-1)!;
  await until(() => client.frames.at(-1).position === last, "a heartbeat with the position");
  const beats = client.frames.length;
  for (let i = 0; i < 50; i++) client.socket.send(`{"action":"ping"}`);
  await until(() => client.frames.length >= beats + 50, "answers");
  assert(client.frames.every(({ type }) => type === "heartbeat"));
});

Deno.test("1,000 garbage frames end their socket and nothing else: it still serves", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [user, vandal] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  await using bystander = await SocketClient.open(url, { token: user.token });
  const garbage: (string | Uint8Array<ArrayBuffer>)[] = [
    "",
    "{",
    "null",
    "[]",
    `{"action":"subscribe"}`,
    `{"action":"ping","more":1}`,
    `{"action":{"toString":null}}`,
    `{"__proto__":{"action":"ping"}}`,
    "\0",
    "\ud800",
    "[".repeat(60_000),
    new Uint8Array(),
    crypto.getRandomValues(new Uint8Array(1000)),
  ];
  for (let round = 0; round < 10; round++) {
    await using client = await SocketClient.open(url, { token: vandal.token });
    for (let i = 0; i < 100; i++) client.socket.send(garbage[i % garbage.length]!);
    await until(() => client.errors.length === 100, `100 errors, there are ${client.errors.length}`);
    assertEquals(new Set(client.errors), new Set(["invalid_frame"]));
    assertEquals(client.closed, undefined);
    client.socket.send("one more");
    assertEquals(await client.end(), 1008);
    assertEquals(client.errors.at(-1), "too_many_frames");
  }
  await using flood = await SocketClient.open(url, { token: vandal.token });
  for (let i = 0; i < 1000; i++) flood.socket.send(garbage[i % garbage.length]!);
  await flood.end(); // with whatever code: it sends on into a connection that is closed
  await place(app, user, { [sku]: 1 });
  await bystander.receive(2);
  await using again = await SocketClient.open(url, { token: vandal.token });
  assertEquals(again.frames[0].type, "heartbeat");
});

Deno.test("a frame over 64 KiB ends its socket with 1009, in one piece or as characters of several bytes", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const { token } = await app.user();
  for (const frame of ["x".repeat(64 * 1024 + 1), "€".repeat(30_000), new Uint8Array(64 * 1024 + 1)]) {
    await using client = await SocketClient.open(url, { token });
    client.socket.send(frame);
    assertEquals(await client.end(), 1009);
  }
  await using client = await SocketClient.open(url, { token });
  client.socket.send("x".repeat(64 * 1024));
  await until(() => client.errors.length === 1, "an error frame");
});

Deno.test("broken bytes on the wire close the socket and do not end the process", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const { token } = await app.user();
  for (let i = 0; i < 20; i++) {
    using connection = await askRaw(url, "/v1/events/socket", {
      ...HANDSHAKE,
      Authorization: `Bearer ${token}`,
    });
    const buffer = new Uint8Array(4096);
    const read = await connection.read(buffer);
    assert(new TextDecoder().decode(buffer.subarray(0, read!)).startsWith("HTTP/1.1 101"));
    await connection.write(crypto.getRandomValues(new Uint8Array(200)));
  }
  await until(() => app.deps.streams.size === 0, "they are gone");
  await using client = await SocketClient.open(url, { token });
  assertEquals(client.frames[0].type, "heartbeat");
});

Deno.test("a socket ends with its token, with its user's rights and with the process, and says so", async () => {
  await using server = await startLive({ heartbeatMs: 300 });
  const { app, url } = server;
  const [user, clerk] = [await app.user(), await app.user("staff")];
  const old = new Date(Date.now() - 897_000);
  const token = await app.deps.accessTokens.sign({ userId: user.id, role: "customer" }, old);
  await using expiring = await SocketClient.open(url, { token });
  await using demoted = await SocketClient.open(url, { token: clerk.token });
  await using staying = await SocketClient.open(url, { token: user.token });
  assertEquals([await expiring.end(), expiring.errors], [1008, ["token_expired"]]);
  await app.deps.sql`update users set role = 'customer' where id = ${clerk.id}`;
  assertEquals([await demoted.end(), demoted.errors], [1008, ["unauthenticated"]]);
  assertEquals(staying.closed, undefined);
  await app.deps.streams.close();
  assertEquals([await staying.end(), staying.errors], [1012, ["restarting"]]);
});

Deno.test("what is no WebSocket handshake, or comes without a right, is refused before the upgrade", async () => {
  await using server = await startLive({ perUser: 1 }, { CORS_ORIGINS: "https://shop.example" });
  const { app, url } = server;
  const user = await app.user();
  const bearer = { Authorization: `Bearer ${user.token}` };
  const statusOf = async (headers: Record<string, string>, query = "") => {
    using connection = await askRaw(url, `/v1/events/socket${query}`, { ...headers });
    const buffer = new Uint8Array(4096);
    const read = await connection.read(buffer);
    return Number(new TextDecoder().decode(buffer.subarray(0, read!)).split(" ")[1]);
  };
  const without = (name: string) =>
    Object.fromEntries(Object.entries(HANDSHAKE).filter(([key]) => key !== name));
  for (const name of Object.keys(HANDSHAKE)) {
    assertEquals(await statusOf({ ...bearer, ...without(name) }), 422, `without ${name}`);
  }
  assertEquals(await statusOf({ ...bearer, ...HANDSHAKE, "Sec-WebSocket-Version": "8" }), 422);
  assertEquals(await statusOf(HANDSHAKE), 401);
  assertEquals(await statusOf({ ...HANDSHAKE, Authorization: "Bearer a.b.c" }), 401);
  assertEquals(await statusOf({ ...bearer, ...HANDSHAKE }, "?access_token=x"), 422);
  assertEquals(await statusOf({ ...bearer, ...HANDSHAKE, Origin: "https://evil.example" }), 403);
  await using _open = await SocketClient.open(url, { token: user.token });
  assertEquals(await statusOf({ ...bearer, ...HANDSHAKE }), 429);
  assertEquals(app.deps.streams.size, 1);
});

Deno.test("a client that hangs up before its socket is open takes no place, and does not keep the server from ending", async () => {
  const server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  const [asked, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { streams } = app.deps;
  const now = streams.now.bind(streams);
  streams.now = async () => {
    asked.resolve();
    await gone.promise;
    return await now();
  };
  const connection = await askRaw(url, "/v1/events/socket", {
    ...HANDSHAKE,
    Authorization: `Bearer ${user.token}`,
  });
  await asked.promise;
  connection.close();
  // Another's whole request, by which the server has heard of it.
  for (let i = 0; i < 10; i++) await (await fetch(`${url}/health`)).body?.cancel();
  gone.resolve();
  await until(() => app.deps.metrics.requestsInFlight === 0, "it is answered");
  assertEquals(streams.size, 0);
  await server[Symbol.asyncDispose]();
});
