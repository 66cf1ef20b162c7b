import { z } from "@hono/zod-openapi";
import type { KafkaConfig } from "../config.ts";
import { DEFAULT_TOPICS } from "../settings.ts";
import type { EventType } from "../platform/events.ts";
import { topicOf } from "../platform/kafka.ts";
import { EVENT_TYPES } from "./registry.ts";

type Topics = Pick<KafkaConfig, "layout" | "topics">;

const DEFAULTS: Topics = { layout: "aggregate", topics: DEFAULT_TOPICS };

const DESCRIPTION =
  `Every change of goods, stock, orders, money and accounts is an event, published in the transaction's order per aggregate.

**Delivery** is at least once: tell repeats by \`ce_id\`. Messages of one key (the aggregate's id) stay in order;
\`ce_sequence\` counts them 1, 2, 3 …
**Payloads** are JSON, in the shape of \`ce_type\` and \`ce_dataversion\`. New fields may be added to a version; ignore
those that you do not know.
The same events are told by \`GET /v1/events\`, webhooks and the live streams, with the same ids. What a field means
stands in \`/openapi.json\`, where each type is one of the \`webhooks\`: what is \`data.data\` there is the payload here.`;

const text = (description: string, more: object = {}) => ({ type: "string", description, ...more });

/** The CloudEvents 1.0 attributes of Kafka's binary mode, as `messageOf` of platform/kafka.ts writes them. */
function headersOf({ type, version }: EventType) {
  return {
    type: "object",
    properties: {
      "content-type": text("Of the value", { const: "application/json" }),
      ce_specversion: text("Of CloudEvents", { const: "1.0" }),
      ce_id: text("Unique: tell repeats by it", { format: "uuid" }),
      ce_source: text("Who says so", { const: "/waybill" }),
      ce_type: text("What happened", { const: type }),
      ce_time: text("When", { format: "date-time" }),
      ce_subject: text("The aggregate's id, also the key"),
      ce_dataversion: text("Of the payload's shape", { const: String(version) }),
      ce_sequence: text("1, 2, 3 … among the events of the aggregate", { pattern: "^[0-9]+$" }),
      ce_position: text("Where it stands in the log: grows, with gaps", { pattern: "^[0-9]+$" }),
      traceparent: text("W3C Trace Context of what caused it, where traces are collected"),
    },
    required: [
      "content-type",
      "ce_specversion",
      "ce_id",
      "ce_source",
      "ce_type",
      "ce_time",
      "ce_subject",
      "ce_dataversion",
      "ce_sequence",
      "ce_position",
    ],
  };
}

const nameOf = ({ type, version }: EventType) => `${type}.v${version}`;

/** The data's shape, as it is stored and sent. */
function payloadOf({ schema }: EventType) {
  const { $schema: _, ...payload } = z.toJSONSchema(schema, { target: "draft-7", io: "input" });
  return payload;
}

function messageOf(event: EventType) {
  return {
    name: event.type,
    title: event.summary,
    contentType: "application/json",
    headers: headersOf(event),
    payload: { $ref: `#/components/schemas/${nameOf(event)}` },
    bindings: { kafka: { key: text("The aggregate's id"), bindingVersion: "0.5.0" } },
  };
}

/** The AsyncAPI 3.0 document of what is published to Kafka, with the topics of this installation. */
export function asyncApiDocument(topics: Topics = DEFAULTS) {
  const byTopic = Map.groupBy(
    EVENT_TYPES,
    (event) => topicOf(topics, { type: event.type, aggregate_type: event.aggregate }),
  );
  const components = <T>(of: (event: EventType) => T) =>
    Object.fromEntries(EVENT_TYPES.map((event) => [nameOf(event), of(event)]));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Waybill events",
      version: "0.1.0",
      description: DESCRIPTION,
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    defaultContentType: "application/json",
    channels: Object.fromEntries(
      [...byTopic].map(([topic, events]) => [topic, {
        address: topic,
        title: `What happens to each ${[...new Set(events.map(({ aggregate }) => aggregate))].join(", ")}`,
        messages: Object.fromEntries(
          events.map((event) => [nameOf(event), { $ref: `#/components/messages/${nameOf(event)}` }]),
        ),
      }]),
    ),
    operations: Object.fromEntries(
      [...byTopic.keys()].map((topic) => [`publish-${topic}`, {
        action: "send",
        channel: { $ref: `#/channels/${topic}` },
      }]),
    ),
    components: { messages: components(messageOf), schemas: components(payloadOf) },
  };
}
