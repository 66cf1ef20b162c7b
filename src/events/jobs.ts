import { z } from "@hono/zod-openapi";
import { defineJob } from "../platform/jobs.ts";

/** Wakes whoever sends events to Kafka. Made every minute by the schedule, should all else have failed to. */
export const dispatchEvents = defineJob("events.dispatch", "default", z.object({}), {
  work: "outside",
  retryLimit: 0,
  retryDelay: 1,
  retryDelayMax: 1,
  timeLimit: 30,
  heartbeat: 10,
  exclusive: true,
});
