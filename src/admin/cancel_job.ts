import { giveUpNotification, sendNotificationJob } from "../notifications/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound } from "../platform/errors.ts";
import { joining } from "../platform/jobs.ts";
import type { Job } from "./job.ts";
import { findJob, lockJob } from "./queries.ts";
import { refused } from "./retry_job.ts";

/**
 * Sees that a job is not begun, or not begun again: an attempt that is under way is not broken off. A dead letter is
 * dismissed by it, and a mail that waited for another attempt has failed. Repeating it changes nothing.
 *
 * @throws not_found, invalid_transition
 */
export async function cancelJob(ctx: Ctx, id: string): Promise<Job> {
  const boss = await ctx.jobs.boss();
  return await transaction(ctx.sql, async (tx) => {
    const found = await findJob(tx, id);
    const job = found && await lockJob(tx, found.queue, id);
    if (!job) throw notFound("job");
    if (job.state === "cancelled") return job;
    if (job.state === "completed" || job.state === "failed") throw refused(job, "cancelled");
    await boss.cancel(job.queue, id, { db: joining(tx) });
    if (job.queue === sendNotificationJob.name) await giveUpNotification(tx, job.data);
    return (await findJob(tx, id))!;
  });
}
