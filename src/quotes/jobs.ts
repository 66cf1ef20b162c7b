import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "../platform/jobs.ts";

/** Frees what expired quotes hold. Made every minute by the schedule; a waiting or running one is enough. */
export const expireQuotes = defineJob("quotes.expire", "orders", z.object({}), {
  ...ROUND,
  timeLimit: 900,
  heartbeat: 10,
});
