import { z } from "@hono/zod-openapi";
import { defineJob, ROUND } from "../platform/jobs.ts";

/** A provider may be away for long, and nobody else will ask: about a day, the later ones an hour apart. */
const A_DAY_OF_RETRIES = { retryLimit: 34, retryDelay: 5, retryDelayMax: 3600 };

/** Gives back what an order does not want: made where one with money ends, or money arrives too late or twice. */
export const settleOrder = defineJob("payments.settle_order", "payments", z.object({ order_id: z.uuid() }), {
  work: "outside",
  batchSize: 10,
  ...A_DAY_OF_RETRIES,
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
    ...A_DAY_OF_RETRIES,
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
