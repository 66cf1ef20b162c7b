import type { z } from "@hono/zod-openapi";
import { type OrderTemplate, sendNotificationJob } from "./notifications/mod.ts";
import {
  orderCancelled,
  orderCreated,
  orderExpired,
  orderProcessed,
  orderUpdated,
  processOrder,
  shipmentCreated,
} from "./orders/mod.ts";
import { paymentStray, refundSucceeded, settleOrder } from "./payments/mod.ts";
import { campaignExists, settlePointsJob } from "./rewards/mod.ts";
import type { Changes } from "./platform/changes.ts";
import type { Ctx } from "./platform/ctx.ts";
import type { Tx } from "./platform/db.ts";
import type { LoggedEvent } from "./platform/event_log.ts";
import type { JobType } from "./platform/jobs.ts";

interface Subscription {
  job: JobType;
  /** What the job is to know; undefined where there is nothing to do. */
  data: (event: LoggedEvent) => object | undefined;
}

function to<Schema extends z.ZodType>(
  job: JobType<string, Schema>,
  data: (event: LoggedEvent) => (z.input<Schema> & object) | undefined,
): Subscription {
  return { job, data };
}

function notify(template: OrderTemplate): Subscription {
  return to(sendNotificationJob, (event) => ({ template, order_id: event.aggregate_id }));
}

/** An order that is over gives back what was paid or reserved for it, and waits for no customer at their bank any more. */
const settleMoney = to(settleOrder, ({ aggregate_id }) => ({ order_id: aggregate_id }));

/** An order's points follow from its money, once it is paid in full: nothing is due from then on. */
const settlePoints = to(settlePointsJob, ({ aggregate_id, data }) => {
  const { amount_paid, amount_due, changes } = data as {
    amount_paid: number;
    amount_due: number;
    changes: Changes;
  };
  const isMoved = "amount_due" in changes || "amount_refunded" in changes;
  if (!isMoved || amount_paid === 0 || amount_due > 0) return undefined;
  return { order_id: aggregate_id, first_paid: Number(changes.amount_due?.from) > 0 };
});

/** Which jobs follow from which events. The worker makes them from the log, once each. */
const SUBSCRIPTIONS: Record<string, Subscription[]> = {
  [orderCreated.type]: [to(processOrder, (event) => ({ order_id: event.aggregate_id }))],
  [orderProcessed.type]: [notify("order_confirmed")],
  [orderUpdated.type]: [settlePoints],
  [orderExpired.type]: [notify("order_expired"), settleMoney],
  [orderCancelled.type]: [notify("order_cancelled"), settleMoney, settlePoints],
  [shipmentCreated.type]: [to(sendNotificationJob, ({ aggregate_id, data }) => {
    return {
      template: "order_shipped" as const,
      order_id: data.order_id as string,
      shipment_id: aggregate_id,
    };
  })],
  [refundSucceeded.type]: [to(sendNotificationJob, ({ aggregate_id, data }) => {
    // Units that cost nothing are not sent: no money, no news of it. What was lost in a dispute their bank gave them.
    if (data.amount === 0 || typeof data.dispute_id === "string") return undefined;
    return { template: "refund_sent" as const, order_id: data.order_id as string, refund_id: aggregate_id };
  })],
  [paymentStray.type]: [to(settleOrder, ({ data }) => ({ order_id: data.order_id as string }))],
};

/** Makes the jobs that follow from these events, in the transaction that moves their reader on. Says whether there are any. */
export async function makeJobs(tx: Tx, ctx: Ctx, events: LoggedEvent[]): Promise<boolean> {
  const jobs = new Map<JobType, { data: object[]; traceparents: (string | null)[] }>();
  for (const event of events) {
    for (const { job, data: dataOf } of SUBSCRIPTIONS[event.type] ?? []) {
      const data = dataOf(event);
      if (!data) continue;
      const each = jobs.getOrInsertComputed(job, () => ({ data: [], traceparents: [] }));
      each.data.push(data);
      each.traceparents.push(event.traceparent);
    }
  }
  // A shop without campaigns has no points to settle: a job for each paid order would be for nothing.
  if (jobs.has(settlePointsJob) && !await campaignExists(tx)) jobs.delete(settlePointsJob);
  for (const [job, { data, traceparents }] of jobs) await ctx.jobs.enqueue(tx, job, data, { traceparents });
  return jobs.size > 0;
}
