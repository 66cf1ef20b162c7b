import { z } from "@hono/zod-openapi";
import { defineEvent } from "../platform/events.ts";
import { QuoteDataSchema } from "./schemas.ts";

const quote = QuoteDataSchema.shape;
const line = quote.lines.element.shape;
const undiscounted = { description: "Left out in events from before there were coupons" };

/** A quote, as its event tells it. Its lines have a schema of their own, as those of orders. */
const Told = z.object({
  ...quote,
  lines: z.array(
    z.object({ ...line, discount_amount: line.discount_amount.optional().openapi(undiscounted) })
      .openapi("GivenQuoteLine"),
  ),
  coupon_code: quote.coupon_code.optional().openapi(undiscounted),
  discount_total: quote.discount_total.optional().openapi(undiscounted),
});

export const quoteCreated = defineEvent(
  "quote.created",
  1,
  "quote",
  "A cart was quoted: price, rate, duty, tax, shipping and stock are held until the quote expires.",
  Told,
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
