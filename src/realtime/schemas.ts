import { z } from "@hono/zod-openapi";
import { TypesQuery } from "../events/mod.ts";
import { Timestamp } from "../http/schemas.ts";

/** Nothing else is a number here: an empty one would begin with the whole log. */
const Position = z.string().regex(/^\d{1,15}$/, "must be the id of an event, or 0").transform(Number)
  .optional().openapi({ type: "integer", minimum: 0, maximum: 999_999_999_999_999 });

const Ticket = z.string().regex(/^[\w-]{43}$/, "must be a ticket from POST /v1/events/tickets");

export const StreamQuery = z.strictObject({
  after: Position.openapi({
    description: "Begin behind this position, the last `id` that you had. Left out: from now on.",
    example: 1042,
  }),
  type: TypesQuery.optional(),
  ticket: Ticket.optional().openapi({
    description: "Instead of an Authorization header, for browsers. From POST /v1/events/tickets; good once.",
    example: "q3Jm2fYkT0cPZ9n4wXb7sVh1uLr8eDa5gKi6oMtBxNc",
  }),
});

export const StreamHeaders = z.object({
  "last-event-id": Position.openapi({
    description: "The last `id` that you had; counts for more than `after`. EventSource sends it by itself.",
    example: 1042,
  }),
});

export const TicketSchema = z.object({
  ticket: z.string().openapi({
    description: "Shown only here",
    example: "q3Jm2fYkT0cPZ9n4wXb7sVh1uLr8eDa5gKi6oMtBxNc",
  }),
  expires_at: Timestamp,
}).openapi("StreamTicket");

/** What the `data` of a stream's events is: by name, since it is the event of GET /v1/events. */
export const StreamedEvent = {
  schema: { $ref: "#/components/schemas/Event" },
  example: {
    id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    position: 1043,
    type: "order.created",
    version: 1,
    aggregate: { type: "order", id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c12" },
    sequence: 1,
    occurred_at: "2026-01-31T12:00:01.000Z",
    actor: "customer",
    data: { number: "WB-100001", currency: "EUR", total_price: 2998 },
  },
};
