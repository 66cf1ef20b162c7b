/**
 * `deno task bench:streams`: what 1,000 open streams cost one API process, and how long an event takes from its order's
 * commit to a client, while orders are placed. First Server-Sent Events, then WebSockets.
 */

import { parseArgs } from "node:util";
import { residentMib } from "./processes.ts";
import { table, writeResults } from "./report.ts";
import { openStage, placeOrder, ROOT, type Server, type Stage } from "./stage.ts";

const WARM_UP_ORDERS = 200;
const OPEN_AT_ONCE = 50;
const SETTLE_MS = 3000;

const { values: args } = parseArgs({
  args: Deno.args,
  options: {
    streams: { type: "string", default: "1000" },
    rate: { type: "string", default: "50" },
    seconds: { type: "string", default: "10" },
  },
});
const [streams, rate, seconds] = [Number(args.streams), Number(args.rate), Number(args.seconds)];
if (!(streams >= 1 && rate > 0 && seconds > 0)) {
  console.error("deno task bench:streams [--streams 1000] [--rate 50] [--seconds 10]");
  Deno.exit(2);
}

interface Result {
  name: string;
  streams: number;
  orders: number;
  /** Resident memory of the API process in MiB, before the streams, with them, and after the orders. */
  before: number | undefined;
  open: number | undefined;
  busy: number | undefined;
  received: number;
  /** Streams times their users' orders: what should have been received. */
  expected: number;
  /** Milliseconds from the order's answer, which follows its commit, to the event at a client; below 0: it came first. */
  p50: number;
  p99: number;
  max: number;
}

const stage = await openStage(console.log);
const results: Result[] = [];
try {
  for (const kind of ["SSE", "WebSocket"] as const) {
    const api = await stage.startApi();
    try {
      results.push(await measure(stage, api, kind));
    } finally {
      await api.stop();
    }
  }
} finally {
  await stage.stop();
}
const mib = (value: number | undefined) => value === undefined ? "" : value.toFixed(0);
console.log(
  "\n" + table([
    [
      "",
      "streams",
      "orders",
      "MiB before",
      "MiB open",
      "KiB each",
      "MiB busy",
      "received",
      "p50 ms",
      "p99 ms",
      "max ms",
    ],
    ...results.map((each) => [
      each.name,
      String(each.streams),
      String(each.orders),
      mib(each.before),
      mib(each.open),
      mib(each.open && each.before && (each.open - each.before) * 1024 / each.streams),
      mib(each.busy),
      `${each.received} of ${each.expected}`,
      each.p50.toFixed(1),
      each.p99.toFixed(1),
      each.max.toFixed(1),
    ]),
  ]),
);
console.log(
  "\nFrom the order's answer to the event at a client, clients and orders in one process beside the server. Each customer's\n" +
    "streams get the order.created of their orders; stock events are left out by the filter.",
);
console.log(
  `\n${await writeResults(`${ROOT}bench/results`, { streams, rate, seconds, results }, "streams")}`,
);
if (results.some(({ received, expected }) => received !== expected)) Deno.exit(1);

async function measure(stage: Stage, api: Server, kind: "SSE" | "WebSocket"): Promise<Result> {
  const tokens = await stage.signTokens(stage.customers);
  console.log(`${kind}: warming up`);
  for (let i = 0; i < WARM_UP_ORDERS; i++) await placeOrder(stage, api, tokens[i % tokens.length]!, 1);
  await delay(SETTLE_MS);
  const before = await residentMib(api.pid);

  const receivedAt = new Map<string, number[]>();
  const hear = (orderId: string) =>
    void receivedAt.getOrInsertComputed(orderId, () => []).push(performance.now());
  const open = kind === "SSE" ? openStream : openSocket;
  const closers: (() => void)[] = [];
  for (let opened = 0; opened < streams; opened += OPEN_AT_ONCE) {
    const batch = Array.from(
      { length: Math.min(OPEN_AT_ONCE, streams - opened) },
      (_, i) => open(api, tokens[(opened + i) % tokens.length]!, hear),
    );
    closers.push(...await Promise.all(batch));
  }
  await delay(SETTLE_MS);
  const openMib = await residentMib(api.pid);
  console.log(`${kind}: ${closers.length} are open`);

  const answeredAt = new Map<string, number>();
  const orders: Promise<void>[] = [];
  let expected = 0;
  const start = performance.now();
  for (let i = 0; i < rate * seconds; i++) {
    await delay(start + i * 1000 / rate - performance.now());
    const customer = i % tokens.length;
    expected += Math.ceil((streams - customer) / tokens.length);
    orders.push(
      placeOrder(stage, api, tokens[customer]!, 1)
        .then(({ id }) => void answeredAt.set(id, performance.now())),
    );
  }
  await Promise.all(orders);
  const busy = await residentMib(api.pid);
  const count = () => [...receivedAt.values()].reduce((sum, { length }) => sum + length, 0);
  for (let waited = 0; count() < expected && waited < 100; waited++) await delay(100);
  for (const close of closers) close();

  const lags = [...receivedAt].flatMap(([id, times]) => times.map((at) => at - answeredAt.get(id)!));
  lags.sort((a, b) => a - b);
  const at = (share: number) => lags[Math.min(lags.length - 1, Math.floor(share * lags.length))] ?? 0;
  return {
    name: kind,
    streams,
    orders: answeredAt.size,
    before,
    open: openMib,
    busy,
    received: count(),
    expected,
    p50: at(0.5),
    p99: at(0.99),
    max: lags.at(-1) ?? 0,
  };
}

async function openStream({ port }: Server, token: string, hear: (orderId: string) => void) {
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/v1/events/stream?type=order.created`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: abort.signal,
  });
  if (!response.ok) throw new Error(`A stream was answered with ${response.status}.`);
  (async () => {
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        if (data) hear(JSON.parse(data).aggregate.id);
        text = text.slice(end + 2);
      }
    }
  })().catch(() => {}); // closed by us
  return () => abort.abort();
}

async function openSocket({ port }: Server, token: string, hear: (orderId: string) => void) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/events/socket?type=order.created`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  await new Promise((resolve, reject) => {
    socket.onerror = reject;
    socket.onmessage = ({ data }) => {
      resolve(undefined);
      const frame = JSON.parse(data);
      if (frame.type === "event") hear(frame.event.aggregate.id);
    };
  });
  return () => socket.close();
}

async function delay(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
