import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "../platform/jobs.ts";

/** Wakes whoever sends events to Kafka. Made every minute by the schedule, should all else have failed to. */
export const dispatchEvents = defineJob("events.dispatch", "default", z.object({}), {
  ...ROUND,
  timeLimit: 30,
  heartbeat: 10,
});
