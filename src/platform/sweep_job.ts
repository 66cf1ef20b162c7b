import { z } from "@hono/zod-openapi";
import { defineJob } from "./jobs.ts";

/** Deletes what has had its time: idempotency keys, tokens, tickets, old deliveries. */
export const sweep = defineJob("platform.sweep", "default", z.object({}), {
  work: "outside",
  retryLimit: 0,
  retryDelay: 1,
  retryDelayMax: 1,
  timeLimit: 600,
  heartbeat: 30,
  exclusive: true,
});
