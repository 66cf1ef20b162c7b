import { z } from "@hono/zod-openapi";
import { defineEvent } from "../platform/events.ts";
import { QuoteDataSchema } from "./schemas.ts";

export const quoteCreated = defineEvent(
  "quote.created",
  1,
  "quote",
  "A cart was quoted: price, rate, duty, tax, shipping and stock are held until the quote expires.",
  QuoteDataSchema,
);

export const quoteReleased = defineEvent(
  "quote.released",
  1,
  "quote",
  "A quote expired, by itself or with its cart, or a newer one took its place: its stock is free again.",
  z.object({
    id: z.uuid(),
    cart_id: z.uuid(),
    user_id: z.uuid(),
    status: z.enum(["expired", "superseded"]),
  }),
);
