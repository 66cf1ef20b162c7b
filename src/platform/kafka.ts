import { Buffer } from "node:buffer";
import { Kafka, logLevel, type Message, type SASLOptions } from "kafkajs";
import type { KafkaConfig } from "../config.ts";
import type { LoggedEvent } from "./event_log.ts";
import { openKafkaSocket } from "./kafka_socket.ts";
import { within } from "./recent.ts";

const CONNECT_TIMEOUT_MS = 2000;
export const REQUEST_TIMEOUT_MS = 10_000;
/** Long enough for a topic that is just being made; whoever calls has a patience of its own. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 1000, retries: 5 };
const CHECK_TIMEOUT_MS = 2000;

/** A client that says nothing by itself: its own lines could quote what is sent. Connects when it is used. */
export function openKafka(config: KafkaConfig, retry = RETRY): Kafka {
  return new Kafka({
    brokers: config.brokers,
    clientId: config.clientId,
    ssl: config.ssl,
    sasl: config.sasl as SASLOptions | undefined,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry,
    socketFactory: openKafkaSocket,
    logLevel: logLevel.NOTHING,
  });
}

/** Asks the cluster for its metadata: a connection alone says little. Never throws, and takes two seconds at most. */
export async function checkKafka(
  config: KafkaConfig,
): Promise<{ status: "up" | "down"; latency_ms?: number }> {
  const start = performance.now();
  const admin = openKafka(config, { ...RETRY, retries: 0 }).admin();
  const answer = admin.connect().then(() => admin.describeCluster());
  try {
    await within(answer, CHECK_TIMEOUT_MS);
    return { status: "up", latency_ms: Math.round((performance.now() - start) * 10) / 10 };
  } catch {
    return { status: "down" };
  } finally {
    answer.catch(() => {}).finally(() => admin.disconnect()).catch(() => {});
  }
}

/** An event as it is sent: its data are JSON text already. */
export type OutgoingEvent =
  & Pick<
    LoggedEvent,
    | "position"
    | "id"
    | "type"
    | "version"
    | "aggregate_type"
    | "aggregate_id"
    | "sequence"
    | "traceparent"
    | "occurred_at"
  >
  & { data: string };

/** Where an event goes. Kinds of things that have no topic of their own in the config get `<kind>-events`. */
export function topicOf(
  config: Pick<KafkaConfig, "layout" | "topics">,
  event: Pick<LoggedEvent, "type" | "aggregate_type">,
): string {
  if (config.layout === "type") return event.type;
  const topics: Record<string, string> = config.topics;
  return topics[event.aggregate_type] ?? `${event.aggregate_type}-events`;
}

/** A CloudEvents 1.0 message in Kafka's binary mode. Its key is the aggregate, so that the order of that one is kept. */
export function messageOf(event: OutgoingEvent): Message & { value: Buffer } {
  return {
    key: event.aggregate_id,
    value: Buffer.from(event.data),
    headers: {
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_id: event.id,
      ce_source: "/waybill",
      ce_type: event.type,
      ce_time: event.occurred_at,
      ce_subject: event.aggregate_id,
      ce_dataversion: String(event.version),
      ce_sequence: String(event.sequence),
      ce_position: String(event.position),
      ...event.traceparent !== null && { traceparent: event.traceparent },
    },
  };
}
