import type { EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import { setTimeout as delay } from "node:timers/promises";
import { type Sql, transaction } from "../../src/platform/db.ts";
import { type ConsumedEvent, createTables, project, takeIn } from "./projection.ts";

const SUBSCRIBE_AGAIN_MS = 1000;
/** An idle fetch must not hold up the end of the process. */
const MAX_WAIT_MS = 500;
/** How long the partitions of a consumer that was killed wait for it. The shortest that brokers take by default. */
const SESSION_TIMEOUT_MS = 6000;
const HEARTBEAT_MS = 2000;
/** Events that share a transaction. */
const AT_ONCE = 100;

export interface ConsumeOptions {
  kafka: Kafka;
  sql: Sql;
  topics: string[];
  /** The consumer group; also the name under which it remembers what it has seen. */
  group: string;
}

export interface RunningConsumer {
  /** Rejects when Kafka will not let it go on by itself; resolves after `stop`. */
  done: Promise<void>;
  /** Finishes the message under way and commits its offset. */
  stop(): Promise<void>;
}

/**
 * Applies each event once, although Kafka delivers it at least once: what it does and that it has done it are one
 * transaction, and the offset moves on afterwards. After a crash the events in between come again, and are known.
 */
export async function startConsumer({ kafka, sql, topics, group }: ConsumeOptions): Promise<RunningConsumer> {
  await createTables(sql);
  const consumer = kafka.consumer({
    groupId: group,
    maxWaitTimeInMs: MAX_WAIT_MS,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
  });
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {}); // whoever started it looks when it wants to
  const stopping = new AbortController();
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) done.reject(payload.error); // after the others it joins its group again
  });
  await consumer.connect();
  const running = subscribe().then(() => {
    if (stopping.signal.aborted) return;
    return consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: (payload) => consumeBatch(sql, group, payload),
    });
  });
  running.catch(done.reject);
  return {
    done: done.promise,
    async stop() {
      stopping.abort();
      await running.catch(() => {});
      await consumer.disconnect();
      done.resolve();
    },
  };

  /** Topics may be made only when the first event is sent. */
  async function subscribe(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await consumer.subscribe({ topics, fromBeginning: true });
      } catch (error) {
        if ((error as { type?: unknown }).type !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
        await delay(SUBSCRIBE_AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }
}

async function consumeBatch(sql: Sql, group: string, payload: EachBatchPayload): Promise<void> {
  const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload;
  for (let i = 0; i < batch.messages.length && isRunning() && !isStale(); i += AT_ONCE) {
    const messages = batch.messages.slice(i, i + AT_ONCE);
    const { events, unreadable } = read(messages);
    await consumeEvents(sql, group, events);
    if (events.length > 0) resolveOffset(messages[events.length - 1]!.offset);
    if (unreadable) throw unreadable;
    await heartbeat(); // sent only when one is due: a long batch must not look like a dead consumer
  }
}

async function consumeEvents(sql: Sql, group: string, events: ConsumedEvent[]): Promise<void> {
  await transaction(sql, async (tx) => {
    for (const event of await takeIn(tx, group, events)) await project(tx, group, event);
  });
}

/** The events up to the first that cannot be read, and what is wrong with that one. */
function read(messages: KafkaMessage[]): { events: ConsumedEvent[]; unreadable?: unknown } {
  const events: ConsumedEvent[] = [];
  try {
    for (const message of messages) events.push(eventOf(message));
    return { events };
  } catch (unreadable) {
    return { events, unreadable };
  }
}

/** @throws SyntaxError for a message that is no JSON: it stops the consumer for good, so that somebody looks at it */
function eventOf({ headers, value }: KafkaMessage): ConsumedEvent {
  return { id: String(headers?.ce_id), type: String(headers?.ce_type), data: JSON.parse(String(value)) };
}
