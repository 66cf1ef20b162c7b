import { z } from "@hono/zod-openapi";
import { defineJob, ROUND, TOGETHER } from "../platform/jobs.ts";

/** Screens a new order. Made from its `order.created` event. */
export const processOrder = defineJob(
  "orders.process",
  "orders",
  z.object({ order_id: z.uuid() }),
  TOGETHER,
);

/** Expires what is due. Made every minute by the schedule; a waiting or running one is enough. */
export const expireOrders = defineJob("orders.expire", "orders", z.object({}), {
  ...ROUND,
  timeLimit: 900,
  heartbeat: 10,
});
