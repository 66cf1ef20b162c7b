import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "../platform/jobs.ts";

/** Gives back what an order does not want: made where one with money ends, or money arrives too late or twice. */
export const settleOrder = defineJob("payments.settle_order", "payments", z.object({ order_id: z.uuid() }), {
  work: "outside",
  batchSize: 10,
  retryLimit: 10,
  retryDelay: 5,
  retryDelayMax: 3600,
  timeLimit: 120,
  heartbeat: 10,
});

/** Works on what a provider told us. */
export const handleWebhook = defineJob(
  "payments.webhook",
  "payments",
  z.object({ provider: z.string(), event_id: z.string() }),
  {
    work: "outside",
    batchSize: 10,
    retryLimit: 10,
    retryDelay: 2,
    retryDelayMax: 600,
    timeLimit: 60,
    heartbeat: 10,
  },
);

/** Asks providers about payments in doubt, and tries refunds again. Made every minute; a waiting or running one is enough. */
export const checkPayments = defineJob("payments.check", "payments", z.object({}), {
  ...ROUND,
  timeLimit: 900,
  heartbeat: 10,
});
