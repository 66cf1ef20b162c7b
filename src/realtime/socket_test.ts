import { assert, assertEquals } from "@std/assert";
import { loggedEvent } from "../../tests/support/logged_event.ts";
import { SocketStream } from "./socket.ts";
import { MAX_BACKLOG_BYTES } from "./subscriber.ts";

const FILLING = 10_000;

/** A socket whose client has taken so much of what was sent as a test says. */
class FakeSocket {
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  readonly sent: { type: string; code?: string; event?: { position: number } }[] = [];
  closed: [code: number, reason: string] | undefined;
  onmessage: (event: { data: string }) => void = () => {};

  send(frame: string): void {
    this.sent.push(JSON.parse(frame));
    this.bufferedAmount += frame.length;
  }

  close(code: number, reason: string): void {
    this.readyState = WebSocket.CLOSING;
    this.closed = [code, reason];
  }

  get positions(): (number | undefined)[] {
    return this.sent.filter(({ type }) => type === "event").map(({ event }) => event!.position);
  }
}

/** An accepted stream of staff's, and the socket that stands for its client. */
function open(): { stream: SocketStream; socket: FakeSocket } {
  const socket = new FakeSocket();
  const { upgradeWebSocket } = Deno;
  Deno.upgradeWebSocket = () => ({ socket: socket as unknown as WebSocket, response: new Response() });
  try {
    const actor = { kind: "user", userId: crypto.randomUUID(), role: "staff" } as const;
    const stream = new SocketStream({ actor, after: 0, types: undefined, endsAtMs: Infinity });
    stream.accept(new Request("http://waybill.test/"));
    return { stream, socket };
  } finally {
    Deno.upgradeWebSocket = upgradeWebSocket;
  }
}

const eventAt = (position: number) => loggedEvent(position, { filling: "x".repeat(FILLING) });

const EVENTS = Array.from({ length: 300 }, (_, i) => eventAt(i + 1));

Deno.test("A socket whose client takes nothing is closed with 1013 when 1 MiB waits, and is sent no more", () => {
  const { stream, socket } = open();
  for (const event of EVENTS) stream.take([event], event.position, false);
  const got = socket.positions.length;
  assertEquals(socket.positions, EVENTS.slice(0, got).map(({ position }) => position));
  const sizeOfOne = socket.bufferedAmount / got;
  assert(
    Math.abs(got * sizeOfOne - MAX_BACKLOG_BYTES) < 2 * sizeOfOne,
    `${socket.bufferedAmount} bytes wait`,
  );
  assertEquals(socket.sent.slice(got).map(({ type, code }) => [type, code]), [["error", "slow_consumer"]]);
  assertEquals(socket.closed, [1013, "slow_consumer"]);
  assertEquals([stream.isEnded, stream.position], [true, got]);
});

Deno.test("A socket whose client keeps up gets everything, however much that is", () => {
  const { stream, socket } = open();
  for (const event of EVENTS) {
    stream.take([event], event.position, false);
    if (socket.bufferedAmount > MAX_BACKLOG_BYTES / 2) socket.bufferedAmount = 0;
  }
  assertEquals(socket.positions, EVENTS.map(({ position }) => position));
  assertEquals([stream.isEnded, socket.closed], [false, undefined]);
});

Deno.test("Events that come together cut nobody off who had taken what came before, however large they are", () => {
  const { stream, socket } = open();
  const [last] = EVENTS.slice(-1);
  stream.take(EVENTS.slice(0, -1), last!.position - 1, false);
  assert(socket.bufferedAmount > 2 * MAX_BACKLOG_BYTES);
  assertEquals([socket.positions.length, stream.isEnded], [EVENTS.length - 1, false]);
  stream.take([last!], last!.position, false);
  assertEquals([socket.positions.length, socket.closed], [EVENTS.length - 1, [1013, "slow_consumer"]]);
});

Deno.test("A socket that catches up is waited for instead, until there is room again", async () => {
  const { stream, socket } = open();
  stream.take(EVENTS, EVENTS.length, true);
  assertEquals([socket.positions.length, stream.isEnded], [EVENTS.length, false]);
  let hasRoom = false;
  const room = stream.room().then(() => hasRoom = true);
  await new Promise((resolve) => setTimeout(resolve)); // all that could go on by itself has
  assertEquals(hasRoom, false);
  socket.bufferedAmount = 0;
  await room;
  // Nor does one that has ended keep anybody waiting.
  stream.take(EVENTS, EVENTS.length + 1, true);
  socket.bufferedAmount = 2 * MAX_BACKLOG_BYTES;
  stream.end("restarting");
  await stream.room();
});

Deno.test("A socket whose client has taken nothing for two heartbeats is closed, and one that takes some is not", () => {
  const { stream, socket } = open();
  const { stream: other, socket: slow } = open();
  for (const each of [stream, other]) each.take(EVENTS.slice(0, 10), 10, false);
  for (let beat = 0; beat < 3; beat++) {
    assertEquals(socket.closed, undefined);
    stream.beat();
    other.beat();
    slow.bufferedAmount -= 100;
  }
  assertEquals(socket.closed, [1013, "slow_consumer"]);
  assertEquals(slow.closed, undefined);
});

Deno.test("A client may send 100 frames of 64 KiB in each ten seconds, and no more", () => {
  const now = performance.now;
  let nowMs = 1_000_000;
  performance.now = () => nowMs;
  try {
    const { stream, socket } = open();
    const data = "x".repeat(64 * 1024);
    for (let window = 0; window < 3; window++) {
      for (let frame = 0; frame < 100; frame++) socket.onmessage({ data });
      assertEquals(stream.isEnded, false);
      nowMs += 10_001;
    }
    for (let frame = 0; frame < 101; frame++) socket.onmessage({ data });
    assertEquals(socket.closed, [1008, "too_many_frames"]);
  } finally {
    performance.now = now;
  }
});

Deno.test("A socket whose client hung up before it was open gives its place back by itself", () => {
  const { stream, socket } = open();
  socket.readyState = WebSocket.CONNECTING;
  let isGone = false;
  stream.observe(() => {}, () => isGone = true);
  for (let beat = 0; beat < 5; beat++) stream.beat();
  assertEquals([stream.isEnded, isGone], [true, true]);
});
