import type { z } from "@hono/zod-openapi";
import { orderCreated, processOrder } from "./orders/mod.ts";
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

/** Which jobs follow from which events. The worker makes them from the log, once each. */
export const SUBSCRIPTIONS: Record<string, Subscription[]> = {
  [orderCreated.type]: [to(processOrder, (event) => ({ order_id: event.aggregate_id }))],
};

/** Makes the jobs that follow from these events, in the transaction that moves their reader on. */
export async function makeJobs(tx: Tx, ctx: Ctx, events: LoggedEvent[]): Promise<void> {
  const data = new Map<JobType, object[]>();
  for (const event of events) {
    for (const { job, data: dataOf } of SUBSCRIPTIONS[event.type] ?? []) {
      data.set(job, [...data.get(job) ?? [], dataOf(event)]);
    }
  }
  for (const [job, each] of data) await ctx.jobs.enqueue(tx, job, each);
}
