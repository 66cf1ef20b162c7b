import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "../platform/jobs.ts";

/** Expires what is due. Made every hour by the schedule; a waiting or running one is enough. */
export const expireCarts = defineJob("carts.expire", "default", z.object({}), {
  ...ROUND,
  timeLimit: 900,
  heartbeat: 10,
});
