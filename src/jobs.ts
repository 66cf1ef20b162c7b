import { expireCarts } from "./carts/mod.ts";
import { dispatchEvents, sealEvents } from "./events/mod.ts";
import { sendNotificationJob } from "./notifications/mod.ts";
import { expireOrders, processOrder } from "./orders/mod.ts";
import { checkPayments, handleWebhook, settleOrder } from "./payments/mod.ts";
import { expireQuotes } from "./quotes/mod.ts";
import { settlePointsJob } from "./rewards/mod.ts";
import { deliverWebhook } from "./webhooks/mod.ts";
import { sweep } from "./platform/sweep_job.ts";

/** Every kind of job there is. workers/handlers.ts must have a handler for each: the types see to it. */
export const JOBS = [
  processOrder,
  expireOrders,
  expireQuotes,
  settleOrder,
  handleWebhook,
  checkPayments,
  expireCarts,
  settlePointsJob,
  sendNotificationJob,
  deliverWebhook,
  dispatchEvents,
  sealEvents,
  sweep,
] as const;
export type JobName = typeof JOBS[number]["name"];
