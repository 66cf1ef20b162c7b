import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "../platform/jobs.ts";

/** Seals what was added to the log. Made every minute by the schedule. */
export const sealEvents = defineJob("events.seal", "default", z.object({}), {
  ...ROUND,
  timeLimit: 600,
  heartbeat: 30,
});

/** Wakes whoever sends events to Kafka. Made every minute by the schedule, should all else have failed to. */
export const dispatchEvents = defineJob("events.dispatch", "default", z.object({}), {
  ...ROUND,
  timeLimit: 30,
  heartbeat: 10,
});
