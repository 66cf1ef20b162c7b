import { assert, assertEquals } from "@std/assert";
import { EventStream } from "../../../src/realtime/stream.ts";
import type { Subscriber } from "../../../src/realtime/subscriber.ts";
import type { TestApp } from "../../support/app.ts";
import { askRaw, fillLog, HANDSHAKE, logOf, SocketClient, SseClient, startLive } from "./support.ts";
import { until } from "../../support/until.ts";

const EVENT_BYTES = 5_000;
const LARGE_EVENT_BYTES = 20_000;
const ROUNDS = 40;

/** Reads what there is until the server closes, and gives all of it as text. */
async function readAll(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  try {
    for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) text += chunk;
  } catch {
    // Cut off.
  }
  return text;
}

Deno.test("a client that does not read is cut off, holds nobody up, and goes on with its last id", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  await using quick = await SseClient.open(url, { token: user.token });
  using connection = await askRaw(url, "/v1/events/stream", {
    Authorization: `Bearer ${user.token}`,
    Connection: "close",
  });
  await until(() => app.deps.streams.size === 2, "both are open");
  // More than sockets take on the way and the backlog together.
  for (let round = 1; round <= ROUNDS; round++) {
    await fillLog(app, user.id, 100, EVENT_BYTES);
    await quick.receive(100 * round);
  }
  const all = await logOf(app, user.id);
  assertEquals(quick.ids, all);
  const text = await readAll(connection);
  assert(text.includes(": slow_consumer\nretry: "), text.slice(-200));
  const ids = [...text.matchAll(/^id: (\d+)\nevent: /gm)].map(([, id]) => Number(id));
  assertEquals(ids, all.slice(0, ids.length));
  assert(ids.length < all.length, "not all were kept for it");
  await until(() => app.deps.streams.size === 1, "its place is free again");
  await using resumed = await SseClient.open(url, { token: user.token, lastEventId: ids.at(-1) ?? 0 });
  await resumed.receive(all.length - ids.length);
  assertEquals([...ids, ...resumed.ids], all);
});

Deno.test("catching up goes at the client's pace: a long past cuts nobody off", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  for (let i = 0; i < 10; i++) await fillLog(app, user.id, 100, EVENT_BYTES);
  const all = await logOf(app, user.id);
  assertEquals(all.length, 1000);
  await using stream = await SseClient.open(url, { token: user.token, query: { after: "0" } });
  await using socket = await SocketClient.open(url, { token: user.token, query: { after: "0" } });
  await stream.receive(all.length);
  await socket.receive(all.length);
  assertEquals(stream.ids, all);
  assertEquals(socket.events.map(({ position }) => position), all);
  assertEquals([stream.isEnded, socket.closed], [false, undefined]);
});

Deno.test("a client that stops reading while it catches up is given up, and its place is free again", async () => {
  await using server = await startLive({ heartbeatMs: 300 });
  const { app, url } = server;
  const user = await app.user();
  for (let i = 0; i < ROUNDS; i++) await fillLog(app, user.id, 100, EVENT_BYTES);
  using _connection = await askRaw(url, "/v1/events/stream?after=0", {
    Authorization: `Bearer ${user.token}`,
  });
  await until(() => app.deps.streams.size === 1, "it is open");
  await until(() => app.deps.streams.size === 0, "it is given up");
});

Deno.test("a client that reads nothing, not even that its stream ends, does not keep the process from ending", async () => {
  await using server = await startLive();
  const { app: { deps: { streams } } } = server;
  const { id: userId } = await server.app.user();
  const actor = { kind: "user", userId, role: "customer" } as const;
  const stream = streams.open(
    new EventStream({ actor, after: 0, types: undefined, endsAtMs: Date.now() + 60_000 }),
  );
  let isClosed = false;
  const closing = streams.close().then(() => isClosed = true);
  await until(() => isClosed, "all of them have ended", 10_000);
  await closing;
  assertEquals([streams.size, await new Response(stream.body).text()], [0, ""]);
});

/** The streams that are opened from now on, as the server sees them. */
function watchStreams({ deps: { streams } }: TestApp): Subscriber[] {
  const opened: Subscriber[] = [];
  const open = streams.open.bind(streams);
  streams.open = (stream) => {
    opened.push(stream);
    return open(stream);
  };
  return opened;
}

/** What a server sends to a raw socket up to its close frame, byte by byte. */
async function readUntilClosed(connection: Deno.TcpConn): Promise<string> {
  const latin1 = new TextDecoder("latin1");
  const buffer = new Uint8Array(64 * 1024);
  const parts: string[] = [];
  while (!parts.slice(-2).join("").includes("\x03\xf5slow_consumer")) {
    const read = await connection.read(buffer);
    // This client answers no ping either: on a machine so busy that half a minute goes by, Deno hangs up on it first.
    if (read === null) break;
    parts.push(latin1.decode(buffer.subarray(0, read)));
  }
  return parts.join("");
}

Deno.test("a socket that does not read is cut off, holds nobody up, and its client goes on", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const opened = watchStreams(app);
  const user = await app.user();
  await using quick = await SocketClient.open(url, { token: user.token });
  const connection = await askRaw(url, "/v1/events/socket", {
    ...HANDSHAKE,
    Authorization: `Bearer ${user.token}`,
  });
  await until(() => opened.length === 2, "both are open");
  // The system's own buffers may take more than 32 MiB before anything waits for this client.
  for (let round = 1; !opened[1]!.isEnded && round <= ROUNDS; round++) {
    await fillLog(app, user.id, 100, LARGE_EVENT_BYTES);
    await quick.receive(100 * round);
  }
  assertEquals(opened.map(({ isEnded }) => isEnded), [false, true]);
  const text = await readUntilClosed(connection);
  connection.close();
  const positions = [...text.matchAll(/"type":"event","event":\{"id":"[^"]*","position":(\d+)/g)]
    .map(([, position]) => Number(position));
  const all = await logOf(app, user.id);
  assertEquals(quick.events.map(({ position }) => position), all);
  assertEquals(positions, all.slice(0, positions.length));
  assert(positions.length < all.length, "not all were kept for it");
  await until(() => app.deps.streams.size === 1, "its place is free when it is gone");
  await using resumed = await SocketClient.open(url, {
    token: user.token,
    query: { after: String(positions.at(-1)) },
  });
  await resumed.receive(all.length - positions.length);
  assertEquals([...positions, ...resumed.events.map(({ position }) => position)], all);
});
