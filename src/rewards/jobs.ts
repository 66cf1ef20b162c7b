import { z } from "@hono/zod-openapi";
import { defineJob, TOGETHER } from "../platform/jobs.ts";

/**
 * Gives an order's customer the points that follow from its money. Made from events that tell of a change of that;
 * `first_paid` of the one that paid it in full.
 */
export const settlePointsJob = defineJob(
  "rewards.settle",
  "default",
  z.object({ order_id: z.uuid(), first_paid: z.boolean() }),
  TOGETHER,
);
