import { z } from "@hono/zod-openapi";
import { cursor, Limit } from "../../http/pagination.ts";
import { Timestamp } from "../../http/schemas.ts";

export const SealSchema = z.object({
  position: z.int().openapi({ description: "Of the last event that it covers", example: 4711 }),
  since: z.int().openapi({
    description: "Of the last event that the seal before covers; 0 for the first",
    example: 4242,
  }),
  events: z.int().openapi({ description: "How many it covers", example: 469 }),
  hash: z.string().openapi({
    description: "SHA-256 of the seal before and of these events, in hexadecimal",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  }),
  sealed_at: Timestamp,
}).openapi("EventSeal");

export const SealsQuery = z.strictObject({ cursor: cursor(z.tuple([z.int()])), limit: Limit });
