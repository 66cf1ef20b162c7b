import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "./jobs.ts";

/** Deletes what has had its time: idempotency keys, tokens, tickets, old deliveries. */
export const sweep = defineJob("platform.sweep", "default", z.object({}), {
  ...ROUND,
  timeLimit: 600,
  heartbeat: 30,
});
