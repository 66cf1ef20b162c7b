import { z } from "@hono/zod-openapi";
import { defineJob } from "../platform/jobs.ts";

/** Expires what is due. Made every hour by the schedule; a waiting or running one is enough. */
export const expireCarts = defineJob("carts.expire", "default", z.object({}), {
  work: "outside",
  retryLimit: 0,
  retryDelay: 1,
  retryDelayMax: 1,
  timeLimit: 900,
  heartbeat: 10,
  exclusive: true,
});
