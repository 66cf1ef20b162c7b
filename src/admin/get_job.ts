import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Job } from "./job.ts";
import { findJob } from "./queries.ts";

/** @throws not_found */
export async function getJob(ctx: Ctx, id: string): Promise<Job> {
  const job = await findJob(ctx.sql, id);
  if (job) return job;
  throw notFound("job");
}
