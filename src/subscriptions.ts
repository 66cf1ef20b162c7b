import type { z } from "@hono/zod-openapi";
import { sendNotificationJob, type Template } from "./notifications/mod.ts";
import { orderCancelled, orderCreated, orderExpired, orderProcessed, processOrder } from "./orders/mod.ts";
import type { Ctx } from "./platform/ctx.ts";
import type { Tx } from "./platform/db.ts";
import type { LoggedEvent } from "./platform/event_log.ts";
import type { JobType } from "./platform/jobs.ts";

interface Subscription {
  job: JobType;
  data: (event: LoggedEvent) => object;
}

function to<Schema extends z.ZodType>(
  job: JobType<string, Schema>,
  data: (event: LoggedEvent) => z.input<Schema> & object,
): Subscription {
  return { job, data };
}

function notify(template: Template): Subscription {
  return to(sendNotificationJob, (event) => ({ template, order_id: event.aggregate_id }));
}

/** Which jobs follow from which events. The worker makes them from the log, once each. */
export const SUBSCRIPTIONS: Record<string, Subscription[]> = {
  [orderCreated.type]: [to(processOrder, (event) => ({ order_id: event.aggregate_id }))],
  [orderProcessed.type]: [notify("order_confirmed")],
  [orderExpired.type]: [notify("order_expired")],
  [orderCancelled.type]: [notify("order_cancelled")],
};

/** Makes the jobs that follow from these events, in the transaction that moves their reader on. */
export async function makeJobs(tx: Tx, ctx: Ctx, events: LoggedEvent[]): Promise<void> {
  const jobs = new Map<JobType, { data: object[]; traceparents: (string | null)[] }>();
  for (const event of events) {
    for (const { job, data: dataOf } of SUBSCRIPTIONS[event.type] ?? []) {
      const each = jobs.get(job) ?? { data: [], traceparents: [] };
      each.data.push(dataOf(event));
      each.traceparents.push(event.traceparent);
      jobs.set(job, each);
    }
  }
  for (const [job, { data, traceparents }] of jobs) await ctx.jobs.enqueue(tx, job, data, { traceparents });
}
