import { z } from "@hono/zod-openapi";
import { Limit } from "../http/pagination.ts";
import { text, Timestamp } from "../http/schemas.ts";
import { AGGREGATES, EVENT_TYPES, typesMatching } from "./registry.ts";

const MAX_PATTERNS = 20;
const KNOWN = [...new Set(EVENT_TYPES.map(({ type }) => type))].join(", ");

export const EventSchema = z.object({
  id: z.uuid().openapi({
    description: "The same wherever the event is told: in Kafka, webhooks, streams",
    example: "3f1c9a52-1d4e-4f0e-9a9a-0a3f6c1b2d3e",
  }),
  position: z.int().openapi({ description: "Where it stands in the log: grows, with gaps", example: 4711 }),
  type: z.string().openapi({ example: "order.created" }),
  version: z.int().openapi({ description: "Of the shape of `data`: see /asyncapi.json", example: 1 }),
  aggregate: z.object({
    type: z.string().openapi({ example: "order" }),
    id: z.string().openapi({ example: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11" }),
  }).openapi({ description: "What it tells of" }),
  sequence: z.int().openapi({ description: "1, 2, 3 … among the events of its aggregate", example: 1 }),
  occurred_at: Timestamp,
  actor: z.string().openapi({ description: "`customer`, `staff` or `system`; staff see who exactly" }),
  request_id: z.string().nullable().optional().openapi({ description: "Staff only" }),
  data: z.record(z.string(), z.unknown()),
}).openapi("Event");

export const EventPage = z.object({
  data: z.array(EventSchema),
  next_cursor: z.string().openapi({
    description: "Pass it as `after` next time; there is always one",
    example: "4711",
  }),
}).openapi("EventPage");

export const TypesQuery = text(1, 1000).transform((list, context) => {
  const meant = list.split(",").map((pattern) => typesMatching(pattern.trim()));
  if (meant.length <= MAX_PATTERNS && meant.every((types) => types.length > 0)) return meant.flat();
  context.addIssue({
    code: "custom",
    message: `must be up to ${MAX_PATTERNS} types or prefixes such as order.*, out of ${KNOWN}`,
  });
  return z.NEVER;
}).openapi({
  type: "string",
  minLength: 1,
  maxLength: 1000,
  description: "Types, or all that begin alike as `order.*`; several with commas",
  example: "order.*,inventory.updated",
});

export const EventsQuery = z.strictObject({
  after: z.string().regex(/^\d{1,15}$/, "must be the next_cursor of an earlier answer, or 0").default("0")
    .transform(Number)
    .openapi({
      type: "string",
      description: "Only events behind this position: `next_cursor` of the time before",
    }),
  type: TypesQuery.optional(),
  aggregate_type: z.enum(AGGREGATES).optional().openapi({
    description: "Only of such things",
    example: "order",
  }),
  aggregate_id: text(1, 200).optional().openapi({
    description: "Only of this thing, with `aggregate_type`; of stock it is `<sku>@<location>`",
    example: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  }),
  limit: Limit,
}).refine((query) => query.aggregate_id === undefined || query.aggregate_type !== undefined, {
  path: ["aggregate_id"],
  message: "goes with aggregate_type",
});
