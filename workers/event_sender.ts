import { Buffer } from "node:buffer";
import { CompressionTypes, Kafka, type Message, type Producer } from "kafkajs";
import type { KafkaConfig } from "../src/config.ts";
import { Breaker } from "../src/platform/breaker.ts";
import {
  messageOf,
  openKafka,
  type OutgoingEvent,
  REQUEST_TIMEOUT_MS,
  topicOf,
} from "../src/platform/kafka.ts";

/** Brokers take a batch of 1 MiB by default; all of a request may go to one partition, as one batch. */
const MAX_REQUEST_BYTES = 800 * 1024;
/** What a message needs beside its value: key and headers. */
const MESSAGE_OVERHEAD_BYTES = 512;
const BREAKER = { failures: 5, openMs: 5000, successes: 1 };

/** What a broker says of a message or a topic, and would say again. Anything else concerns Kafka as a whole. */
const REFUSALS = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
  "INVALID_TIMESTAMP",
  "CORRUPT_MESSAGE",
  "POLICY_VIOLATION",
  "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  "UNKNOWN",
  "KAFKAJS_UNKNOWN_ERROR_CODE",
]);
/** Refusals that hold for all messages of a topic. */
const TOPIC_REFUSALS = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "INVALID_TOPIC_EXCEPTION",
  "UNKNOWN_TOPIC_OR_PARTITION",
]);

/** Kafka as a whole did not take what was sent: nothing is wrong with any of it. */
export class KafkaAway extends Error {
  override readonly name = "KafkaAway";
}

/** An event that the broker refused by itself, and what it said. */
export interface Refused<Event> {
  event: Event;
  /** The broker's name for it, such as `MESSAGE_TOO_LARGE`. */
  code: string;
  reason: string;
}

/** What became of a batch. Whatever is in neither list was sent. */
export interface Outcome<Event> {
  refused: Refused<Event>[];
  /** Not sent, because an event of their key before them was not. */
  behind: Event[];
}

/** Sends events in the order of each key, and finds out which of them the broker will not have. One call at a time. */
export class EventSender {
  readonly #config: KafkaConfig;
  readonly #kafka: Kafka;
  readonly #breaker = new Breaker(BREAKER);
  #producer: Producer | undefined;

  constructor(config: KafkaConfig) {
    this.#config = config;
    this.#kafka = openKafka(config);
  }

  get breaker(): Breaker {
    return this.#breaker;
  }

  /**
   * Sends these, at least once each. An event that is refused holds back the later ones of its key, and no others.
   *
   * @throws KafkaAway when it is not known what was sent
   */
  async deliver<Event extends OutgoingEvent>(events: Event[]): Promise<Outcome<Event>> {
    const outcome: Outcome<Event> = { refused: [], behind: [] };
    const stuck = new Set<string>();
    const pieces = inRequests(events);
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const free = piece.filter(({ aggregate_id }) => !stuck.has(aggregate_id));
      outcome.behind.push(...piece.filter(({ aggregate_id }) => stuck.has(aggregate_id)));
      if (free.length === 0) continue;
      const refusal = await this.#send(free);
      if (!refusal) continue;
      const halves = split(free, this.#config, TOPIC_REFUSALS.has(refusal.code));
      if (halves) {
        pieces.unshift(...halves);
        continue;
      }
      for (const event of free) {
        if (stuck.has(event.aggregate_id)) outcome.behind.push(event);
        else outcome.refused.push({ event, ...refusal });
        stuck.add(event.aggregate_id);
      }
    }
    return outcome;
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => {});
  }

  /** One request, all or nothing for each partition. Gives what the broker has against it. @throws KafkaAway */
  async #send(events: OutgoingEvent[]): Promise<{ code: string; reason: string } | undefined> {
    try {
      return await this.#breaker.run(async () => {
        try {
          this.#producer ??= await this.#connect();
          await this.#producer.sendBatch({
            acks: -1,
            timeout: REQUEST_TIMEOUT_MS,
            // Only an event that is too large by itself: of a thousand lines, say. Its JSON shrinks to a tenth.
            compression: sizeOf(events[0]!) > MAX_REQUEST_BYTES
              ? CompressionTypes.GZIP
              : CompressionTypes.None,
            topicMessages: byTopic(events, this.#config),
          });
        } catch (error) {
          // Its sequence numbers are wrong now: with them the broker could take new messages for repeated ones.
          await this.close();
          const refusal = refusalOf(error);
          if (!refusal) throw error;
          return refusal;
        }
      });
    } catch (cause) {
      throw new KafkaAway("Kafka is away", { cause });
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      await producer.disconnect().catch(() => {});
      throw error;
    }
  }
}

/** Cuts a batch where a request would grow too large. A larger event goes alone. */
function inRequests<Event extends OutgoingEvent>(events: Event[]): Event[][] {
  const pieces: Event[][] = [];
  let room = 0;
  for (const event of events) {
    const bytes = sizeOf(event);
    if (bytes > room) {
      pieces.push([]);
      room = MAX_REQUEST_BYTES;
    }
    pieces.at(-1)!.push(event);
    room -= bytes;
  }
  return pieces;
}

function sizeOf({ data }: OutgoingEvent): number {
  return Buffer.byteLength(data) + MESSAGE_OVERHEAD_BYTES;
}

/** Topics apart, or else in halves; undefined where all of it is to blame. */
function split<Event extends OutgoingEvent>(
  events: Event[],
  config: KafkaConfig,
  topicIsToBlame: boolean,
): Event[][] | undefined {
  const topics = Map.groupBy(events, (event) => topicOf(config, event));
  if (topics.size > 1) return [...topics.values()];
  if (events.length === 1 || topicIsToBlame) return undefined;
  const middle = Math.ceil(events.length / 2);
  return [events.slice(0, middle), events.slice(middle)];
}

function byTopic(events: OutgoingEvent[], config: KafkaConfig): { topic: string; messages: Message[] }[] {
  const topics = Map.groupBy(events, (event) => topicOf(config, event));
  return [...topics].map(([topic, ofTopic]) => ({ topic, messages: ofTopic.map(messageOf) }));
}

/** The client wraps what the broker said, once for each retry. */
function refusalOf(error: unknown): { code: string; reason: string } | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { type } = each as { type?: unknown };
    if (typeof type === "string" && (REFUSALS.has(type) || TOPIC_REFUSALS.has(type))) {
      return { code: type, reason: `${type}: ${each.message}`.slice(0, 500) };
    }
  }
}
