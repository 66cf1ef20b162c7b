import type { z } from "@hono/zod-openapi";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, router } from "../../http/router.ts";
import { discardEvent } from "./discard_event.ts";
import { listOutbox } from "./list_outbox.ts";
import { replayEvent } from "./replay_event.ts";
import { OutboxEntrySchema, OutboxQuery, PositionParam } from "./schemas.ts";

const tags = ["Operations"];
const EXAMPLE: z.infer<typeof OutboxEntrySchema> = {
  position: 4711,
  event_id: "3f1c9a52-1d4e-4f0e-9a9a-0a3f6c1b2d3e",
  event_type: "order.created",
  aggregate_type: "order",
  aggregate_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  sequence: 1,
  status: "dead",
  attempts: 10,
  next_attempt_at: null,
  error:
    "MESSAGE_TOO_LARGE: The request included a message larger than the max message size the server will accept",
  created_at: "2026-01-31T12:00:01.000Z",
  dead_at: "2026-01-31T12:17:03.000Z",
};

export const outboxRoutes = router();

outboxRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/admin/outbox",
    operationId: "listOutbox",
    tags,
    summary: "Which events did Kafka not take?",
    description:
      "Those given up, or with `status=held` those that are tried again and those that wait behind them.",
    request: { query: OutboxQuery },
    responses: {
      200: json(pageSchema(OutboxEntrySchema).openapi("OutboxPage"), "One page, the latest first.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) =>
    c.json(
      pageView(await listOutbox(c.get("ctx"), c.req.valid("query"))),
      200,
    ),
);

outboxRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found", "invalid_transition"] }, {
    method: "post",
    path: "/v1/admin/outbox/{position}/replay",
    operationId: "replayOutboxEntry",
    tags,
    summary: "Send an event that was given up",
    description: "At once, with all its attempts before it. It comes after later events of its aggregate.",
    request: { params: PositionParam },
    responses: {
      200: json(OutboxEntrySchema, "It is held, and due.", {
        ...EXAMPLE,
        status: "held",
        attempts: 0,
        next_attempt_at: "2026-01-31T13:00:00.000Z",
        dead_at: null,
      }),
    },
  }),
  async (c) => c.json(await replayEvent(c.get("ctx"), c.req.valid("param").position), 200),
);

outboxRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "post",
    path: "/v1/admin/outbox/{position}/discard",
    operationId: "discardOutboxEntry",
    tags,
    summary: "Never send an event",
    description:
      "Held or given up, Kafka does not get it. It stays in the log, and what waits behind it goes on.",
    request: { params: PositionParam },
    responses: { 204: { description: "Discarded." } },
  }),
  async (c) => {
    await discardEvent(c.get("ctx"), c.req.valid("param").position);
    return c.body(null, 204);
  },
);
