import type { Ctx } from "../platform/ctx.ts";
import { sqlState, transaction, type Tx } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { DEAD_LETTERS, joining, type PgBoss } from "../platform/jobs.ts";
import type { Job } from "./job.ts";
import { findDeadLetters, findJob, findRedriven, findRoot, lockJob } from "./queries.ts";

/**
 * Has a job tried again: a failed one once more, one that waits for its time at once. A job that failed for good is
 * there twice, in its queue and as a dead letter. Whichever of the two is sent back, the other is no longer there to
 * be sent back as well, so its work is not done twice. The lock order is job, then dead letter.
 *
 * @returns the job that will run; another one than was asked for if a dead letter was
 * @throws not_found, invalid_transition
 */
export async function retryJob(ctx: Ctx, id: string): Promise<Job> {
  const boss = await ctx.jobs.boss();
  const job = await transaction(ctx.sql, async (tx) => {
    const found = await findJob(tx, id);
    if (!found) throw notFound("job");
    if (found.queue !== DEAD_LETTERS) return await retryOriginal(tx, boss, found);
    const original = found.dead_letter_of && await findJob(tx, found.dead_letter_of.id);
    return original ? await retryOriginal(tx, boss, original, id) : await redrive(tx, boss, found);
  });
  ctx.jobs.announce();
  return job;
}

async function retryOriginal(tx: Tx, boss: PgBoss, { queue, id }: Job, deadLetterId?: string): Promise<Job> {
  const db = joining(tx);
  const job = await lockJob(tx, queue, id);
  if (!job) throw notFound("job");
  if (deadLetterId !== undefined && !await isOpen(tx, deadLetterId)) throw refused(job, "tried again");
  if (job.state === "failed") {
    await boss.retry(queue, id, { db }).catch(refuseSecond);
    const copies = await findDeadLetters(tx, job);
    if (copies.length > 0) await boss.deleteJob(DEAD_LETTERS, copies, { db });
  } else if (deadLetterId === undefined && (job.state === "created" || job.state === "retry")) {
    await boss.update(queue, undefined, { id, startAfter: 0, db });
  } else throw refused(job, "tried again");
  return (await findJob(tx, id))!;
}

/** The failed job itself is forgotten after some days; its dead letter then becomes a new job. */
async function redrive(tx: Tx, boss: PgBoss, { id, dead_letter_of }: Job): Promise<Job> {
  const letter = await lockJob(tx, DEAD_LETTERS, id);
  if (letter?.state !== "created" || !dead_letter_of) throw refused(letter, "tried again");
  const root = await findRoot(tx, id);
  const moved = await boss.redrive(DEAD_LETTERS, { ids: [id], db: joining(tx) });
  if (moved !== 1) throw second();
  return (await findRedriven(tx, dead_letter_of.queue, root!))!;
}

async function isOpen(tx: Tx, deadLetterId: string): Promise<boolean> {
  return (await lockJob(tx, DEAD_LETTERS, deadLetterId))?.state === "created";
}

/** Some queues take one job at a time, which the database sees to. */
function refuseSecond(error: unknown): never {
  throw sqlState(error) === "23505" ? second() : error;
}

function second(): AppError {
  return new AppError("invalid_transition", "Its queue takes one job at a time, and has one already.");
}

export function refused(job: Job | undefined, what: string): AppError {
  return new AppError("invalid_transition", `A job that is ${job?.state ?? "gone"} cannot be ${what}.`);
}
