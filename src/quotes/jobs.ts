import { z } from "@hono/zod-openapi";
import { defineJob } from "../platform/jobs.ts";

/** Frees what expired quotes hold. Made every minute by the schedule; a waiting or running one is enough. */
export const expireQuotes = defineJob("quotes.expire", "orders", z.object({}), {
  work: "outside",
  retryLimit: 0,
  retryDelay: 1,
  retryDelayMax: 1,
  timeLimit: 900,
  heartbeat: 10,
  exclusive: true,
});
