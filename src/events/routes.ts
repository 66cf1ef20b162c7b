import { Hono } from "hono";
import type { Config } from "../config.ts";
import { type AppEnv, endpoint, json, router } from "../http/router.ts";
import { asyncApiDocument } from "./asyncapi.ts";
import { listEvents } from "./list_events.ts";
import { EventPage, EventsQuery } from "./schemas.ts";

const EXAMPLE = {
  id: "3f1c9a52-1d4e-4f0e-9a9a-0a3f6c1b2d3e",
  position: 4711,
  type: "order.processed",
  version: 1,
  aggregate: { type: "order", id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11" },
  sequence: 2,
  occurred_at: "2026-01-31T12:00:01.000Z",
  actor: "system",
  data: {
    order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    number: "WB-100001",
    user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
    total_price: 2998,
    currency: "EUR",
    units: 2,
  },
};

export const eventRoutes = router();

eventRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/events",
    operationId: "listEvents",
    tags: ["Events"],
    summary: "Follow the log",
    description:
      "Everything that happened, oldest first: to you and yours, or to all if you are staff. Pass `next_cursor` as " +
      "`after` for ever and you miss nothing and get nothing twice. An answer may hold fewer events than `limit`, or " +
      "none, although there are more: a call looks at 5,000 at the most for their type. What just happened comes " +
      "as soon as all that began before it has ended, mostly at once.",
    request: { query: EventsQuery },
    responses: { 200: json(EventPage, "The next events.", { data: [EXAMPLE], next_cursor: "4711" }) },
  }),
  async (c) => {
    const { data, next } = await listEvents(c.get("ctx"), c.req.valid("query"));
    return c.json({ data, next_cursor: String(next) }, 200);
  },
);

/** By configuration, which names the topics: making it takes longer than most calls. */
const texts = new WeakMap<Config, string>();

/** `/asyncapi.json`: what Waybill publishes. Beside the API, as /openapi.json is. */
export const asyncApiRoutes = new Hono<AppEnv>();

asyncApiRoutes.get("/asyncapi.json", (c) => {
  const { config } = c.get("deps");
  const text = texts.getOrInsertComputed(config, () => JSON.stringify(asyncApiDocument(config.kafka)));
  return c.body(text, 200, { "Content-Type": "application/json" });
});
