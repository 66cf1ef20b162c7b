/**
 * Topics and groups of its own for each test, on the Kafka that `deno task test` brings up or one that the test started
 * itself.
 */

import { setTimeout as delay } from "node:timers/promises";
import { type Admin, type Consumer, Kafka, type KafkaMessage, logLevel } from "kafkajs";
import { required } from "./database.ts";

/** Names that no other test has, and a look at what was published under them. */
export interface TestKafka extends AsyncDisposable {
  bootstrapServers: string;
  /** What all names of this test begin with, for code that takes a prefix. */
  prefix: string;
  /** A topic's or group's name: `prefix` and this. */
  name(suffix: string): string;
  /** A client that keeps quiet; whoever makes a producer or consumer of it disconnects it. */
  client: Kafka;
  /**
   * Reads the topics from their beginning, as a new group, until the messages so far satisfy `until`. Those of one
   * partition come in order. Fails when that has not happened after `patienceMs` (half a minute).
   */
  consumeAll(topics: string[], until: Until, patienceMs?: number): Promise<ConsumedMessage[]>;
  /** Deletes the topics and groups that have this prefix. */
  drop(): Promise<void>;
}

/** A message as text. */
export interface ConsumedMessage {
  topic: string;
  partition: number;
  offset: string;
  key: string | undefined;
  value: string | undefined;
  headers: Record<string, string>;
}

type Until = (messages: ConsumedMessage[]) => boolean;

/** Is there a Kafka for the tests? `deno task test` says why not. */
export const hasKafka = Deno.env.has("TEST_KAFKA_BOOTSTRAP_SERVERS");

/** The default is an idle fetch of five seconds, which `disconnect` would wait for. */
const MAX_WAIT_MS = 50;

/** Costs nothing until it is used. A topic comes to be when it is first written to or read. */
export function testKafka(bootstrapServers = required("TEST_KAFKA_BOOTSTRAP_SERVERS")): TestKafka {
  const prefix = `test-${crypto.randomUUID().slice(0, 13)}-`;
  const client = new Kafka({ brokers: bootstrapServers.split(","), logLevel: logLevel.NOTHING });
  const drop = () => withAdmin(client, (admin) => deleteAll(admin, prefix));
  return {
    bootstrapServers,
    prefix,
    name: (suffix) => `${prefix}${suffix}`,
    client,
    consumeAll: (topics, until, patienceMs = 30_000) =>
      consumeAll(client, `${prefix}reader-${crypto.randomUUID()}`, topics, until, patienceMs),
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

async function consumeAll(
  client: Kafka,
  groupId: string,
  topics: string[],
  until: Until,
  patienceMs: number,
): Promise<ConsumedMessage[]> {
  const messages: ConsumedMessage[] = [];
  let finished = false;
  const consumer = client.consumer({
    groupId,
    maxWaitTimeInMs: MAX_WAIT_MS,
    // One that loses its broker while it disconnects would start again afterwards.
    retry: { restartOnFailure: () => Promise.resolve(!finished) },
  });
  const done = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => done.reject(new Error(`Not in ${patienceMs} ms; so far: ${JSON.stringify(messages)}`)),
    patienceMs,
  );
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) done.reject(payload.error);
  });
  const read = async () => {
    await consumer.connect();
    await subscribe(consumer, topics, Date.now() + patienceMs);
    await consumer.run({
      eachMessage({ topic, partition, message }) {
        messages.push(asText(topic, partition, message));
        try {
          if (until(messages)) done.resolve();
        } catch (error) {
          done.reject(error);
        }
        return Promise.resolve();
      },
    });
  };
  const reading = read().catch(done.reject);
  try {
    await done.promise;
    return messages;
  } finally {
    finished = true;
    clearTimeout(timer);
    await reading;
    await consumer.disconnect();
  }
}

/** The broker refuses a topic that is not there, and makes it: a moment later it is. */
async function subscribe(consumer: Consumer, topics: string[], deadline: number): Promise<void> {
  for (;;) {
    try {
      return await consumer.subscribe({ topics, fromBeginning: true });
    } catch (error) {
      const isNew = error instanceof Error && "type" in error && error.type === "UNKNOWN_TOPIC_OR_PARTITION";
      if (!isNew || Date.now() > deadline) throw error;
      await delay(MAX_WAIT_MS);
    }
  }
}

function asText(topic: string, partition: number, message: KafkaMessage): ConsumedMessage {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key?.toString(),
    value: message.value?.toString(),
    headers: Object.fromEntries(headers),
  };
}

async function withAdmin(client: Kafka, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = client.admin();
  try {
    await admin.connect();
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** A group that still has members is one whose consumer a test did not disconnect: that fails here. */
async function deleteAll(admin: Admin, prefix: string): Promise<void> {
  const { groups } = await admin.listGroups();
  const groupIds = groups.map(({ groupId }) => groupId).filter((groupId) => groupId.startsWith(prefix));
  if (groupIds.length > 0) await admin.deleteGroups(groupIds);
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
}
