import { z } from "@hono/zod-openapi";
import { createRoute } from "@hono/zod-openapi";
import type { Deps } from "../deps.ts";
import { ping } from "../platform/db.ts";
import { json, router } from "./router.ts";

const CHECK_TIMEOUT_MS = 1000;

const Dependency = z.object({
  status: z.enum(["up", "down", "in_process"]),
  latency_ms: z.number().optional(),
  breaker: z.enum(["closed", "open", "half_open"]).optional(),
});
const Health = z.object({ status: z.enum(["ok", "degraded", "down"]) }).openapi("Health");
const DetailedHealth = Health.extend({
  dependencies: z.object({ database: Dependency, redis: Dependency }),
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
    description: "Only the database is needed: without Redis everything still works.",
    responses: {
      200: json(Health, "Yes.", { status: "ok" }),
      503: json(Health, "Not now.", { status: "down" }),
    },
  }),
  async (c) => {
    const database = await checkDatabase(c.get("deps"));
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
    description: "Status, latency and breaker state of each; `degraded` means it works without its cache.",
    responses: {
      200: json(DetailedHealth, "At least the database is up.", {
        status: "ok",
        dependencies: {
          database: { status: "up", latency_ms: 0.6 },
          redis: { status: "up", latency_ms: 0.3, breaker: "closed" },
        },
      }),
      503: json(DetailedHealth, "The database is down.", {
        status: "down",
        dependencies: { database: { status: "down" }, redis: { status: "in_process" } },
      }),
    },
  }),
  async (c) => {
    const deps = c.get("deps");
    const [database, redis] = await Promise.all([checkDatabase(deps), deps.cache.health()]);
    const dependencies = { database, redis };
    if (database.status !== "up") return c.json({ status: "down" as const, dependencies }, 503);
    return c.json(
      { status: redis.status === "down" ? "degraded" as const : "ok" as const, dependencies },
      200,
    );
  },
);

async function checkDatabase({ sql }: Deps): Promise<{ status: "up" | "down"; latency_ms?: number }> {
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([ping(sql), timeout]);
    return { status: "up", latency_ms: Math.round((performance.now() - start) * 10) / 10 };
  } catch {
    return { status: "down" };
  } finally {
    clearTimeout(timer);
  }
}
