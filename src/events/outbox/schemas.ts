import { z } from "@hono/zod-openapi";
import { cursor, Limit } from "../../http/pagination.ts";
import { Id, Timestamp } from "../../http/schemas.ts";

const MAX_POSITION = Number.MAX_SAFE_INTEGER;
const Status = z.enum(["held", "dead"]);

export const OutboxEntrySchema = z.object({
  position: z.int().openapi({ description: "Where the event stands in the log", example: 4711 }),
  event_id: Id,
  event_type: z.string().openapi({ example: "order.created" }),
  aggregate_type: z.string().openapi({ example: "order" }),
  aggregate_id: z.string().openapi({ description: "Also the key of the Kafka message" }),
  sequence: z.int().openapi({ description: "Its turn among the events of its aggregate" }),
  status: Status.openapi({
    description: "`held`: will be sent, in its turn. `dead`: given up, until you replay or discard it",
  }),
  attempts: z.int().openapi({ description: "How often Kafka refused it; 0 while it waits behind another" }),
  next_attempt_at: Timestamp.nullable().openapi({ description: "Null when it is dead" }),
  error: z.string().nullable().openapi({ description: "What the broker said at last" }),
  created_at: Timestamp,
  dead_at: Timestamp.nullable(),
}).openapi("OutboxEntry");

export const PositionParam = z.object({
  position: z.coerce.number().int().min(1).max(MAX_POSITION).openapi({
    description: "Of the event, in the log",
    example: 4711,
  }),
});

export const OutboxQuery = z.strictObject({
  status: Status.default("dead").openapi({ description: "Which entries" }),
  cursor: cursor(z.tuple([z.int()])),
  limit: Limit,
});
