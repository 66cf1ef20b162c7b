import type { ConfigResourceTypes } from "kafkajs";
import { closeDeps, type Deps, openDeps } from "../../src/deps.ts";
import type { Log } from "../../src/platform/log.ts";
import { startEventDispatcher } from "../../workers/event_dispatcher.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import type { ConsumedMessage, TestKafka } from "../support/kafka.ts";
import { until } from "../support/until.ts";

const TOPIC = 2 as ConfigResourceTypes.TOPIC;

/** An app whose events go to topics that only this test has. */
export async function startDispatchApp(
  kafka: TestKafka,
  env: Record<string, string> = {},
  replace: Partial<Deps> = {},
): Promise<TestApp> {
  return await startTestApp({
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
    KAFKA_ORDERS_TOPIC: kafka.name("orders"),
    KAFKA_STOCK_TOPIC: kafka.name("stock"),
    KAFKA_PRODUCTS_TOPIC: kafka.name("products"),
    KAFKA_USERS_TOPIC: kafka.name("users"),
    ...env,
  }, replace);
}

/** A dispatcher as in a process of its own. */
export interface TestDispatcher extends AsyncDisposable {
  /** Cuts it off from the database: to the others it looks like a process that was killed. */
  kill(): Promise<void>;
}

export async function startAnotherDispatcher({ deps: { config, log } }: TestApp): Promise<TestDispatcher> {
  const deps = await openDeps(config, { log });
  const dispatcher = startEventDispatcher(deps);
  return {
    kill: () => deps.sql.end({ timeout: 0 }),
    async [Symbol.asyncDispose]() {
      await dispatcher.stop();
      await closeDeps(deps);
    },
  };
}

/** The dispatcher of the app itself; it ends before the app. */
export function dispatching({ deps }: TestApp): AsyncDisposable {
  const dispatcher = startEventDispatcher(deps);
  return { [Symbol.asyncDispose]: () => dispatcher.stop() };
}

/** An event of an order as the test wants it; `bytes`: about how large its message is. */
export interface TestEvent {
  key: string;
  sequence: number;
  bytes?: number;
}

/** Puts these into the log in this order, as one transaction, and rings the bell. */
export async function logEvents(
  { deps }: { deps: Pick<Deps, "sql" | "bell"> },
  events: TestEvent[],
  aggregate = "order",
): Promise<void> {
  await deps.sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'order.updated', 1, ${aggregate}, key, sequence, 'system:test',
           jsonb_build_object('filling', repeat('x', coalesce(bytes, 10))), now()
    from jsonb_to_recordset(${deps.sql.json(events as never)}) as e (key text, sequence int, bytes int)`;
  deps.bell.ring("waybill_events");
}

/** So many events of each of these keys, in turns. */
export function eventsOfKeys(keys: string[], from: number, to: number): TestEvent[] {
  return Array.from(
    { length: to - from + 1 },
    (_, turn) => keys.map((key) => ({ key, sequence: from + turn })),
  )
    .flat();
}

/** The sequences that arrived of each key, each at its first arrival. */
export function firstArrivals(messages: ConsumedMessage[]): Record<string, number[]> {
  const arrived: Record<string, number[]> = {};
  for (const { key, headers } of messages) {
    const sequences = arrived[key!] ??= [];
    const sequence = Number(headers.ce_sequence);
    if (!sequences.includes(sequence)) sequences.push(sequence);
  }
  return arrived;
}

/** How many different events these are. */
export function countDifferent(messages: ConsumedMessage[]): number {
  return new Set(messages.map(({ headers }) => headers.ce_id)).size;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** A topic that takes no batch beyond so many bytes; what one of its two partitions takes of a request the other may refuse. */
export async function createNarrowTopic(
  { client }: TestKafka,
  topic: string,
  maxBytes: number,
): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: false, // ends with an error where the broker does not know its new topic yet
    topics: [{
      topic,
      numPartitions: 2,
      configEntries: [{ name: "max.message.bytes", value: String(maxBytes) }],
    }],
  });
  const described = () => admin.fetchTopicMetadata({ topics: [topic] }).then(() => true, () => false);
  await until(described, "the topic has its leader");
  await admin.disconnect();
}

export async function widenTopic({ client }: TestKafka, topic: string): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{
      type: TOPIC,
      name: topic,
      configEntries: [{ name: "max.message.bytes", value: "1000000" }],
    }],
  });
  await admin.disconnect();
}

/** A log that only remembers its lines. */
export function rememberingLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const add = (message: string) => void lines.push(message);
  return { log: { debug() {}, info: add, warn: add, error: add }, lines };
}
