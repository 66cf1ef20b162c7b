import { createRoute, z } from "@hono/zod-openapi";
import { json, router } from "./router.ts";

const Breaker = z.enum(["closed", "open", "half_open"]);
const Dependency = z.object({
  status: z.enum(["up", "down", "in_process"]),
  latency_ms: z.number().optional(),
  breaker: Breaker.optional(),
});
const IfUsed = z.object({
  status: z.enum(["up", "down", "not_used"]),
  latency_ms: z.number().optional(),
});
const Workers = z.object({
  status: z.enum(["up", "down", "unknown"]),
  last_seen_at: z.iso.datetime().optional(),
});
const ProviderBreakers = z.object({
  provider: z.string(),
  breaker: Breaker,
  refund_breaker: Breaker,
}).openapi("ProviderBreakers");
const ReaderLag = z.object({
  reader: z.string(),
  lag_events: z.int(),
  lag_seconds: z.number(),
}).openapi("EventLogLag");
const Health = z.object({ status: z.enum(["ok", "degraded", "down"]) }).openapi("Health");
const DetailedHealth = Health.extend({
  dependencies: z.object({
    database: Dependency,
    redis: Dependency,
    kafka: IfUsed,
    smtp: IfUsed,
    workers: Workers,
  }),
  payment_providers: z.array(ProviderBreakers),
  event_log: z.array(ReaderLag),
}).openapi("DetailedHealth");

const operations = { method: "get" as const, tags: ["Operations"], security: [], "x-policy": "public" };

export const healthRoutes = router();

healthRoutes.openapi(
  createRoute({
    ...operations,
    path: "/health",
    operationId: "getHealth",
    summary: "Is the process alive?",
    description:
      "Looks at nothing else: a process that cannot reach its database must not be restarted for it.",
    responses: { 200: json(Health, "It is.", { status: "ok" }) },
  }),
  (c) => c.json({ status: "ok" as const }, 200),
);

healthRoutes.openapi(
  createRoute({
    ...operations,
    path: "/health/ready",
    operationId: "getReadiness",
    summary: "Should it be sent requests?",
    description:
      "Only the database is needed, and that it has this release's migrations: without Redis everything still works.",
    responses: {
      200: json(Health, "Yes.", { status: "ok" }),
      503: json(Health, "Not now.", { status: "down" }),
    },
  }),
  async (c) => {
    const database = await c.get("deps").vitals.database();
    return database.status === "up"
      ? c.json({ status: "ok" as const }, 200)
      : c.json({ status: "down" as const }, 503);
  },
);

healthRoutes.openapi(
  createRoute({
    ...operations,
    path: "/health/detailed",
    operationId: "getDetailedHealth",
    summary: "How is each dependency?",
    description:
      `Status, latency and breaker state of each, and how far each reader of the event log is behind (about as
many events; the age of the oldest). Workers are \`up\` if one was seen in the last 30 seconds. \`degraded\`: requests are
answered, but without the cache, or what follows from them has to wait. Of each payment provider, how this process'
breakers stand, that of refunds and that of all other calls: one that is open tries again with the first call after half
a minute.`,
    responses: {
      200: json(DetailedHealth, "At least the database is up.", {
        status: "ok",
        dependencies: {
          database: { status: "up", latency_ms: 0.6 },
          redis: { status: "up", latency_ms: 0.3, breaker: "closed" },
          kafka: { status: "up", latency_ms: 4.2 },
          smtp: { status: "up", latency_ms: 31.5 },
          workers: { status: "up", last_seen_at: "2026-01-31T12:00:00.000Z" },
        },
        payment_providers: [{ provider: "stripe", breaker: "closed", refund_breaker: "closed" }],
        event_log: [{ reader: "jobs", lag_events: 2, lag_seconds: 0.01 }],
      }),
      503: json(DetailedHealth, "The database is down.", {
        status: "down",
        dependencies: {
          database: { status: "down" },
          redis: { status: "in_process" },
          kafka: { status: "not_used" },
          smtp: { status: "not_used" },
          workers: { status: "unknown" },
        },
        payment_providers: [{ provider: "stripe", breaker: "closed", refund_breaker: "closed" }],
        event_log: [],
      }),
    },
  }),
  async (c) => {
    const health = await c.get("deps").vitals.health();
    return health.status === "down" ? c.json(health, 503) : c.json(health, 200);
  },
);
