import { z } from "@hono/zod-openapi";
import { PageQuery, pageSchema } from "../http/pagination.ts";
import { Id, text, Timestamp } from "../http/schemas.ts";
import type { EventType } from "../platform/events.ts";
import { EventSchema } from "../events/mod.ts";
import { PING } from "./delivery.ts";
import { isKnownPattern } from "./event_types.ts";

const MAX_URL_LENGTH = 2000;
const MAX_OVERLAP_HOURS = 72;
const DEFAULT_OVERLAP_HOURS = 24;

const Url = z.string().trim().max(MAX_URL_LENGTH).transform((value, context) => {
  const url = URL.parse(value);
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  if (url && isHttp && url.href.length <= MAX_URL_LENGTH) return url.href;
  context.addIssue({
    code: "custom",
    message: `must be an https:// URL of at most ${MAX_URL_LENGTH} characters`,
  });
  return z.NEVER;
}).openapi({
  type: "string",
  format: "uri",
  maxLength: MAX_URL_LENGTH,
  description: "https, on the public internet, without a user name in it",
  example: "https://shop.example.com/webhooks",
});

const EventTypes = z.array(
  z.string().max(100).superRefine((pattern, context) => {
    if (isKnownPattern(pattern)) return;
    const message = pattern.isWellFormed()
      ? `there is no event "${pattern}"; /asyncapi.json has those that there are`
      : "there is no such event";
    context.addIssue({ code: "custom", message });
  }),
).min(1).max(50).transform((patterns) => [...new Set(patterns)]).openapi({
  type: "array",
  items: { type: "string", maxLength: 100 },
  minItems: 1,
  maxItems: 50,
  description: "Types of events (`order.created`), families of them (`order.*`), or `*` for all",
  example: ["order.*", "product.updated"],
});

const Description = text(1, 500).nullable().openapi({ example: "The shop's own back office" });

const Status = z.enum(["enabled", "disabled"]);

const fields = { url: Url, event_types: EventTypes, description: Description };

export const NewEndpointBody = z.strictObject({ ...fields, description: Description.optional() })
  .openapi("CreateWebhookEndpoint");

export const ChangeEndpointBody = z.strictObject({ ...fields, status: Status }).partial()
  .openapi("ChangeWebhookEndpoint");

export const RotationBody = z.strictObject({
  overlap_hours: z.int().min(0).max(MAX_OVERLAP_HOURS).default(DEFAULT_OVERLAP_HOURS).openapi({
    description: "For so long the old secret signs along",
    example: DEFAULT_OVERLAP_HOURS,
  }),
}).openapi("WebhookSecretRotation");

export const EndpointSchema = z.object({
  id: Id,
  url: z.string().openapi({ format: "uri", example: "https://shop.example.com/webhooks" }),
  description: z.string().nullable(),
  event_types: z.array(z.string()).openapi({ example: ["order.*", "product.updated"] }),
  status: Status,
  disabled_reason: z.string().nullable().openapi({
    description: "Why Waybill disabled it, also while it is being deleted; null where staff did, or nobody",
  }),
  previous_secret_until: Timestamp.nullable().openapi({
    description: "Until when the secret before the last rotation signs along",
  }),
  version: z.int().openapi({ description: "Also the `ETag`", example: 1 }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("WebhookEndpoint");

export const EndpointWithSecretSchema = EndpointSchema.extend({
  secret: z.string().openapi({
    description: "What its messages are signed with. It is shown only here: keep it.",
    example: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
  }),
}).openapi("WebhookEndpointWithSecret");

export const EndpointPage = pageSchema(EndpointSchema).openapi("WebhookEndpointPage");

const DeliveryStatus = z.enum(["pending", "succeeded", "failed"]);

export const DeliverySchema = z.object({
  id: Id,
  endpoint_id: Id,
  event_id: Id.nullable().openapi({
    description:
      "The event, and the `webhook-id` of its message; null for a ping, whose `webhook-id` is `id`",
  }),
  event_type: z.string().openapi({ example: "order.created" }),
  status: DeliveryStatus,
  attempts: z.int().openapi({ description: "How many there were", example: 1 }),
  next_attempt_at: Timestamp.nullable(),
  created_at: Timestamp,
  finished_at: Timestamp.nullable(),
}).openapi("WebhookDelivery");

export const AttemptSchema = z.object({
  attempt: z.int().openapi({ description: "From 1", example: 1 }),
  attempted_at: Timestamp,
  duration_ms: z.int().openapi({ example: 84 }),
  response_status: z.int().nullable().openapi({ description: "Null: there was no answer", example: 200 }),
  response_body: z.string().nullable().openapi({ description: "The first kilobyte", example: "ok" }),
  error: z.string().nullable().openapi({ description: "Why there was no answer" }),
}).openapi("WebhookAttempt");

export const DeliveryWithAttemptsSchema = DeliverySchema.extend({
  attempt_log: z.array(AttemptSchema).openapi({ description: "Oldest first" }),
}).openapi("WebhookDeliveryWithAttempts");

export const DeliveryPage = pageSchema(DeliverySchema).openapi("WebhookDeliveryPage");
export const DeliveryQuery = z.strictObject({
  status: DeliveryStatus.optional().openapi({ description: "Only deliveries in this status" }),
  ...PageQuery.shape,
});

/** What an endpoint gets of an event of this type, by a name: what has none is of other types in Java and Kotlin, or none. */
export function messageSchema({ type, version, schema }: EventType) {
  const name = type.replaceAll(/(?:^|[._])(\w)/g, (_, letter) => letter.toUpperCase());
  return z.object({
    type: z.literal(type),
    timestamp: Timestamp,
    data: z.object({
      ...EventSchema.shape,
      type: z.literal(type),
      // Not this number alone: an enumeration of numbers is one that Kotlin's client refuses to read.
      version: EventSchema.shape.version.openapi({ example: version }),
      data: schema,
    }),
  }).openapi(`${name}Message`);
}

/** What it gets where staff try whether it is heard: `pingPayload` makes them. */
export const PingMessage = z.object({
  type: z.literal(PING),
  timestamp: Timestamp,
  data: z.object({ endpoint_id: Id }),
}).openapi("WebhookPingMessage");
