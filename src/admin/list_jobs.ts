import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Job, JobState, Queue } from "./job.ts";
import { listJobRows, listQueueRows, planForReading } from "./queries.ts";

/** Which jobs; all filters must hold. */
export interface ListJobs {
  queue?: string;
  state?: JobState;
  /** When the last row was made, in microseconds, and its id. */
  cursor?: [number, string];
  limit: number;
}

/** Jobs, newest first. */
export async function listJobs(ctx: Ctx, filter: ListJobs): Promise<Page<Job>> {
  const rows = await transaction(ctx.sql, async (tx) => {
    await planForReading(tx);
    return await listJobRows(tx, filter);
  });
  const { data, next } = toPage(rows, filter.limit, (last) => [last.made_at, last.id]);
  return { data: data.map(({ made_at: _, ...job }) => job), next };
}

/** Every queue, with how many jobs it has right now. */
export async function listQueues(ctx: Ctx): Promise<Queue[]> {
  return await transaction(ctx.sql, async (tx) => {
    await planForReading(tx);
    return await listQueueRows(tx);
  });
}
