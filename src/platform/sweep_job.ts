import { z } from "@hono/zod-openapi";
import type { Fragment, Sql } from "./db.ts";
import { defineJob, ROUND } from "./jobs.ts";

/**
 * Deletes what has had its time: idempotency keys, tokens, tickets, old deliveries and payment webhooks. Also seals
 * the secrets of webhook endpoints anew that an older key sealed.
 */
export const sweep = defineJob("platform.sweep", "default", z.object({}), {
  ...ROUND,
  timeLimit: 600,
  heartbeat: 30,
});

/** Rows that one transaction deletes. */
const BATCH = 1000;

/**
 * Deletes the rows of a table for which `isOver` holds, a thousand to a transaction, so that months of them hold
 * nobody up; what somebody else holds is left for the next sweep. Ends early with the signal. Gives how many went.
 */
export async function sweepTable(
  sql: Sql,
  table: string,
  isOver: Fragment,
  signal: AbortSignal,
): Promise<number> {
  // Locked first, so that none is deleted that has just changed into one to be kept.
  return await sweepInBatches(signal, (limit) =>
    sql`
      delete from ${sql(table)} where ctid = any(array(
        select ctid from ${sql(table)} where ${isOver} limit ${limit} for update skip locked))`);
}

/** Deletes rows as {@link sweepTable} does, by a statement that deletes no more than it is told and counts them. */
export async function sweepInBatches(
  signal: AbortSignal,
  deleteSome: (limit: number) => PromiseLike<{ count: number }>,
): Promise<number> {
  let sum = 0;
  let mayBeMore = true;
  while (mayBeMore && !signal.aborted) {
    const { count } = await deleteSome(BATCH);
    sum += count;
    mayBeMore = count === BATCH;
  }
  return sum;
}
