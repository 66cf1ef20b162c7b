import { z } from "@hono/zod-openapi";
import { defineJob } from "../platform/jobs.ts";

/**
 * Makes one attempt of a delivery; `attempt` counts from 1. When a receiver refuses, the delivery's own schedule
 * makes the next job: these retries are only for an attempt that could not be recorded, or whose worker was killed.
 * Its group is its endpoint.
 */
export const deliverWebhook = defineJob(
  "webhooks.deliver",
  "notifications",
  z.object({ delivery_id: z.uuid(), attempt: z.int().min(1) }),
  {
    work: "outside",
    batchSize: 10,
    fair: true,
    retryLimit: 10,
    retryDelay: 2,
    retryDelayMax: 300,
    timeLimit: 60,
    heartbeat: 10,
  },
);
