import { type JobName, JOBS } from "../../src/jobs.ts";
import { type Deps, systemCtx } from "../../src/deps.ts";
import { type Handler, HANDLERS, type TransactionHandler } from "../../workers/handlers.ts";
import { takeJobs } from "../../workers/lanes.ts";
import { READERS, readOn } from "../../workers/log_follower.ts";
import { type JobType, openJob } from "../../src/platform/jobs.ts";

/** Reads the log to its end with every reader of the worker, so that all jobs that follow from it are there. */
export async function readLog(deps: Deps): Promise<void> {
  for (const reader of Object.keys(READERS)) {
    while ((await readOn(deps, reader)).count > 0);
  }
}

/** Does the waiting jobs of this name that work in a transaction, in this process. Gives how many there were. */
export async function doJobs(deps: Deps, name: JobName): Promise<number> {
  const job = JOBS.find((each) => each.name === name)!;
  // deno-lint-ignore no-explicit-any
  const handler = HANDLERS[name] as Handler<any>;
  if (!("together" in handler)) throw new Error(`${name} does not work in a transaction.`);
  const boss = await deps.jobs.boss();
  const limit = job.policy.batchSize ?? 1;
  let done = 0;
  for (;;) {
    let taken = await takeJobs(deps, boss, job, handler as TransactionHandler<unknown>, limit);
    if (taken === "failed together") {
      taken = 0;
      for (let i = 0; i < limit; i++) {
        taken += await takeJobs(deps, boss, job, handler as TransactionHandler<unknown>, 1) as number;
      }
    }
    if (taken === 0) return done;
    done += taken;
  }
}

/** Does the jobs of this name that are due and call other systems, one after the other. Gives how they ended. */
export async function doOutsideJobs(deps: Deps, name: JobName): Promise<{ done: number; failures: Error[] }> {
  const job: JobType = JOBS.find((each) => each.name === name)!;
  // deno-lint-ignore no-explicit-any
  const handler = HANDLERS[name] as Handler<any>;
  if (!("alone" in handler)) throw new Error(`${name} works in a transaction.`);
  const boss = await deps.jobs.boss();
  const failures: Error[] = [];
  for (let done = 0;;) {
    const [next] = await boss.fetch<object>(name, { includeMetadata: true });
    if (!next) return { done, failures };
    try {
      const { data } = openJob(job, next.data);
      const isLast = next.retryCount >= next.retryLimit;
      await handler.alone(systemCtx(deps, name), data, new AbortController().signal, isLast);
      await boss.complete(name, next.id);
      done++;
    } catch (error) {
      failures.push(error as Error);
      await boss.fail(name, next.id, { message: String(error) });
    }
  }
}
