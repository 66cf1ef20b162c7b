/**
 * `deno task bench:worker`: what the worker does with orders, and how soon Kafka knows of them. See README.md in this
 * folder. Exits with 1 if a figure misses its aim.
 */

import { parseArgs } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { loadConfig } from "../src/config.ts";
import { closeDeps, openDeps, systemCtx } from "../src/deps.ts";
import { expireDueOrders } from "../src/orders/mod.ts";
import { messageOf, openKafka, topicOf } from "../src/platform/kafka.ts";
import { type KafkaServer, startThrowAwayKafka } from "../tools/embedded_kafka.ts";
import { fillOrders } from "./fill.ts";
import { median, table, writeResults } from "./report.ts";
import { openStage, placeOrder, ROOT, type Server, type Stage } from "./stage.ts";
import { type JobResult, play } from "./traffic.ts";

const POLL_MS = 20;
const LATENCY_SECONDS = 20;
const WARM_UP_SECONDS = 5;
const ORDERS_PER_SECOND = 200;

const { values } = parseArgs({
  options: { orders: { type: "string", default: "20000" }, due: { type: "string", default: "100000" } },
});
const toProcess = Number(values.orders);
const due = Number(values.due);

interface Figure {
  what: string;
  figure: string;
  aim: string;
  holds: boolean;
}

const figures: Figure[] = [];
const say = (what: string, figure: string, aim: string, holds: boolean) => {
  figures.push({ what, figure, aim, holds });
  console.log(`${what}: ${figure}${aim && ` (aim ${aim})`}`);
};

const stage = await openStage(console.log);
const broker = await startThrowAwayKafka(console.log);
const kafka = "reason" in broker ? undefined : broker;
try {
  // First, while nothing else waits for the worker.
  if (kafka) await measureLatency(stage, kafka);
  await measureProcessing(stage);
  if (kafka) await measureDrain(stage, kafka);
  else console.log(`MISSING: ${(broker as { reason: string }).reason}: nothing was sent to Kafka.`);
  await measureCost(stage);
  await measureExpiry(stage);
} finally {
  await stage.stop();
  await kafka?.stop();
}
console.log(
  `\n${
    table([
      ["", "measured", "aim", ""],
      ...figures.map(({ what, figure, aim, holds }) => [what, figure, aim, holds ? "ok" : "MISSED"]),
    ])
  }`,
);
console.log(`\n${await writeResults(`${ROOT}bench/results`, { toProcess, due, figures }, "worker")}`);
Deno.exit(figures.every(({ holds }) => holds) ? 0 : 1);

function placeForAWhile({ skus }: Stage, { port }: Server, tokens: string[]): Promise<JobResult> {
  return play({ port, clients: 32, seconds: 4, traffic: { kind: "place", tokens, skus } });
}

/** What placing orders loses to a worker beside it that screens them, writes notifications and feeds Kafka. */
async function measureCost(stage: Stage): Promise<void> {
  const api = await stage.startApi();
  const tokens = await stage.signTokens(stage.customers);
  const placed = async () => (await placeForAWhile(stage, api, tokens)).perSecond;
  await placed(); // warms up
  const ratios: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < 3; round++) {
    const alone = await placed();
    const worker = await stage.startWorker(kafka ? { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers } : {});
    beside.push(await placed());
    ratios.push(beside.at(-1)! / alone);
    await worker.stop();
  }
  await api.stop();
  const ratio = median(ratios);
  say(
    "placing while a worker does all that follows",
    `${Math.round(median(beside))}/s, ${ratio.toFixed(2)} of placing alone`,
    "",
    true,
  );
}

/** Orders that wait for a worker, and the time from its first to its last. */
async function measureProcessing(stage: Stage): Promise<void> {
  const api = await stage.startApi();
  const tokens = await stage.signTokens(stage.customers);
  let placed = 0;
  while (placed < toProcess) {
    placed += (await placeForAWhile(stage, api, tokens)).requests;
  }
  await api.stop();
  const [before] = await stage.sql<{ position: number; waiting: number }[]>`
    select max(position)::int as position,
           (count(*) filter (where type = 'order.created') - count(*) filter (where type = 'order.processed'))::int as waiting
    from events`;
  const worker = await stage.startWorker();
  const [row] = await waitFor(
    async () =>
      await stage.sql<{ seconds: number; count: number }[]>`
      select count(*)::int as count, extract(epoch from max(occurred_at) - min(occurred_at))::float8 as seconds
      from events where type = 'order.processed' and position > ${before!.position}`,
    ([row]) => row!.count === before!.waiting,
  );
  await worker.stop();
  const rate = row!.count / row!.seconds;
  say(`orders.process, ${row!.count} waiting`, `${Math.round(rate)}/s`, "≥ 1000/s", rate >= 1000);
}

/** A backlog of the whole log, beside the same messages sent from memory by the same producer. */
async function measureDrain(stage: Stage, { bootstrapServers }: KafkaServer): Promise<void> {
  const config = loadConfig({ ...stage.env, KAFKA_BOOTSTRAP_SERVERS: bootstrapServers });
  const rows = await stage.sql`
    select position::int, id, type, version, aggregate_type, aggregate_id, sequence, traceparent,
           occurred_at::text, data::text
    from events order by position`;
  const events = rows as unknown as (Parameters<typeof messageOf>[0])[];
  const fromMemory = async () => {
    const producer = openKafka(config.kafka!).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const start = performance.now();
    for (let i = 0; i < events.length; i += config.outbox.batchSize) {
      const batch = events.slice(i, i + config.outbox.batchSize);
      const topics = Map.groupBy(batch, (event) => `memory-${topicOf(config.kafka!, event)}`);
      await producer.sendBatch({
        acks: -1,
        topicMessages: [...topics].map(([topic, ofTopic]) => ({ topic, messages: ofTopic.map(messageOf) })),
      });
    }
    const rate = events.length / ((performance.now() - start) / 1000);
    await producer.disconnect();
    return rate;
  };
  await fromMemory(); // makes the topics, warms up
  const memory: number[] = [];
  const drained: number[] = [];
  for (let round = 0; round < 3; round++) {
    memory.push(await fromMemory());
    await stage.sql`update log_readers set position = 0 where name = 'kafka'`;
    const worker = await stage.startWorker({ KAFKA_BOOTSTRAP_SERVERS: bootstrapServers });
    const position = async () =>
      (await stage.sql<
        { at: number }[]
      >`select min(position)::int as at from log_readers where name = 'kafka'`)[0]!.at;
    const began = await waitFor(position, (at) => at > 0);
    const start = performance.now();
    await waitFor(position, (at) => at >= Number(rows.at(-1)!.position));
    drained.push((events.length - began) / ((performance.now() - start) / 1000));
    await worker.stop();
  }
  const ratio = median(drained.map((rate, i) => rate / memory[i]!));
  say(
    `backlog of ${events.length} events to Kafka`,
    `${Math.round(median(drained))}/s, from memory ${Math.round(median(memory))}/s: ${ratio.toFixed(2)}`,
    "≥ 0.5",
    ratio >= 0.5,
  );
}

/** How long after it was made an event is at a consumer, while orders come in at a steady rate. */
async function measureLatency(stage: Stage, { bootstrapServers }: KafkaServer): Promise<void> {
  const api = await stage.startApi();
  const worker = await stage.startWorker({ KAFKA_BOOTSTRAP_SERVERS: bootstrapServers });
  const client = new Kafka({ brokers: [bootstrapServers], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: "order-events" }], waitForLeaders: true });
  await admin.disconnect();
  const consumer = client.consumer({
    groupId: `bench-${crypto.randomUUID()}`,
    maxWaitTimeInMs: 20,
    minBytes: 1,
  });
  /** When the event of an order came, and when it was sent, by the order's id. */
  const received = new Map<string, { at: number; sentAt: number }>();
  await consumer.connect();
  await consumer.subscribe({ topics: ["order-events"], fromBeginning: false });
  const joined = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
  await consumer.run({
    eachMessage: ({ message }) => {
      if (String(message.headers?.ce_type) === "order.created") {
        received.set(String(message.key), { at: Date.now(), sentAt: Number(message.timestamp) });
      }
      return Promise.resolve();
    },
  });
  await joined.promise;
  await new Promise((resolve) => setTimeout(resolve, 1000)); // its first fetches
  const tokens = await stage.signTokens(stage.customers);
  /** Notes the time of each order's event, which is a little before its commit. */
  const placeFor = async (seconds: number, made: Map<string, number>) => {
    const start = performance.now();
    const placing: Promise<void>[] = [];
    for (let i = 0; i < ORDERS_PER_SECOND * seconds; i++) {
      const wait = start + i * 1000 / ORDERS_PER_SECOND - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      placing.push(
        placeOrder(stage, api, tokens[i % tokens.length]!, 2)
          .then(({ id, created_at }) => void made.set(id, Date.parse(created_at))),
      );
    }
    await Promise.all(placing);
  };
  await placeFor(WARM_UP_SECONDS, new Map());
  const made = new Map<string, number>();
  await placeFor(LATENCY_SECONDS, made);
  await waitFor(() => Promise.resolve([...made.keys()].every((id) => received.has(id))), Boolean);
  await consumer.disconnect();
  await worker.stop();
  await api.stop();
  const each = [...made].map(([id, madeAt]) => ({ madeAt, ...received.get(id)! }));
  const sorted = each.map(({ madeAt, at }) => at - madeAt).toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  say(
    `commit to Kafka consumer at ${ORDERS_PER_SECOND} orders/s`,
    `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; until it is sent p50 ${
      median(each.map(({ madeAt, sentAt }) => sentAt - madeAt))
    } ms`,
    "p50 < 50, p99 < 500",
    at(0.5) < 50 && at(0.99) < 500,
  );
}

/** Due orders beside many that are not: the last batch must cost what the first did. */
async function measureExpiry(stage: Stage): Promise<void> {
  await fillOrders(stage.sql, due * 10, () => {}); // every tenth is PENDING
  const { count } = await stage.sql`
    update orders set expires_at = placed_at + interval '30 minutes'
    where status = 'PENDING' and expires_at is null`;
  const deps = await openDeps(loadConfig({ ...stage.env, LOG_LEVEL: "silent" }));
  const ctx = systemCtx(deps, "bench");
  const batches: number[] = [];
  let expired = 0;
  for (let more = true; more;) {
    const start = performance.now();
    const batch = await expireDueOrders(ctx);
    if (batch.mayBeMore) batches.push(performance.now() - start);
    expired += batch.expired;
    more = batch.mayBeMore;
  }
  await closeDeps(deps);
  const [first, last] = [median(batches.slice(0, 50)), median(batches.slice(-50))];
  const rate = expired / (batches.reduce((sum, ms) => sum + ms, 0) / 1000);
  say(
    `expiry of ${count} due orders, ${expired} expired`,
    `${Math.round(rate)}/s; first batches ${first.toFixed(1)} ms, last ${last.toFixed(1)} ms`,
    "last ≤ 1.5 × first",
    last <= 1.5 * first,
  );
}

async function waitFor<T>(look: () => Promise<T>, isEnough: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (isEnough(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
