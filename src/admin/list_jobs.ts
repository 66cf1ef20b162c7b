import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Job, Queue } from "./job.ts";
import { listJobRows, listQueueRows, planForReading } from "./queries.ts";
import type { ListJobsQuery } from "./schemas.ts";

/** Which jobs; all filters must hold. The cursor is when the last row was made, in microseconds, and its id. */
export type ListJobs = z.infer<typeof ListJobsQuery>;

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
