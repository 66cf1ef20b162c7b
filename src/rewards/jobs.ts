import { z } from "@hono/zod-openapi";
import { defineJob } from "../platform/jobs.ts";

/**
 * Gives an order's customer the points that follow from its money. Made from events that tell of a change of that;
 * `first_paid` of the one that paid it in full.
 */
export const settlePointsJob = defineJob(
  "rewards.settle",
  "default",
  z.object({ order_id: z.uuid(), first_paid: z.boolean() }),
  {
    work: "transaction",
    batchSize: 100,
    retryLimit: 5,
    retryDelay: 2,
    retryDelayMax: 300,
    timeLimit: 30,
  },
);
