import { type JobName, JOBS } from "../../src/jobs.ts";
import type { Deps } from "../../src/deps.ts";
import { type Handler, HANDLERS, type TransactionHandler } from "../../workers/handlers.ts";
import { takeJobs } from "../../workers/lanes.ts";
import { READERS } from "../../workers/log_follower.ts";
import { advanceReader } from "../../src/platform/event_log.ts";
import { systemCtx } from "../../src/deps.ts";

/** Reads the log to its end with every reader of the worker, so that all jobs that follow from it are there. */
export async function readLog(deps: Deps): Promise<void> {
  for (const [reader, work] of Object.entries(READERS)) {
    const ctx = systemCtx(deps, `reader.${reader}`);
    while (
      await advanceReader(deps.sql, deps.horizon, reader, 500, (tx, events) => work(tx, ctx, events)) > 0
    );
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
