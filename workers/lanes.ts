import { type Deps, systemCtx } from "../src/deps.ts";
import { type JobName, JOBS } from "../src/jobs.ts";
import { transaction } from "../src/platform/db.ts";
import { type JobType, joining, type PgBoss } from "../src/platform/jobs.ts";
import { errorFields } from "../src/platform/log.ts";
import { type Handler, HANDLERS, type OutsideHandler, type TransactionHandler } from "./handlers.ts";
import { Waker } from "./waker.ts";

const POLL_MS = 1000;
const PAUSE_AFTER_ERROR_MS = 1000;
/** pg-boss's smallest. */
const OUTSIDE_POLL_SECONDS = 0.5;

/** Serves these lanes until it is stopped; what is under way then is finished. */
export async function serveLanes(deps: Deps, boss: PgBoss): Promise<{ stop(): Promise<void> }> {
  const { lanes, concurrency } = deps.config.worker;
  const stopping = new AbortController();
  const waker = new Waker(stopping.signal);
  const outside: string[] = [];
  const running: Promise<void>[] = [];
  for (const job of JOBS.filter(({ lane }) => lanes.includes(lane))) {
    // deno-lint-ignore no-explicit-any
    const handler = HANDLERS[job.name as JobName] as Handler<any>;
    for (let i = 0; i < concurrency[job.lane]; i++) {
      if ("together" in handler) {
        running.push(serveInTransactions(deps, boss, job, handler, waker, stopping.signal));
      } else outside.push(await serveOutside(deps, boss, job, handler));
    }
  }
  const silence = await deps.bell.listen("waybill_jobs", () => {
    waker.wake();
    for (const id of outside) boss.notifyWorker(id);
  });
  return {
    async stop() {
      silence();
      stopping.abort();
      await Promise.all(running);
    },
  };
}

/** Takes and completes jobs in the transaction of their effect: whatever is killed, each is done once. */
async function serveInTransactions(
  deps: Deps,
  boss: PgBoss,
  job: JobType,
  handler: TransactionHandler<unknown>,
  waker: Waker,
  stopping: AbortSignal,
): Promise<void> {
  const limit = job.policy.batchSize ?? 1;
  while (!stopping.aborted) {
    try {
      let taken = await takeJobs(deps, boss, job, handler, limit);
      if (taken === "failed together") {
        for (let i = 0; i < limit; i++) await takeJobs(deps, boss, job, handler, 1);
        taken = limit;
      }
      if (taken < limit) await waker.wait(POLL_MS);
    } catch (error) {
      deps.log.warn("could not take jobs", { ...errorFields(error), job: job.name });
      await waker.wait(PAUSE_AFTER_ERROR_MS);
    }
  }
}

/**
 * Does up to `limit` jobs in one transaction, and gives how many there were. One that fails alone is counted and
 * retried by its policy; if several fail together nothing is done, and each is to be tried alone.
 */
export async function takeJobs(
  deps: Deps,
  boss: PgBoss,
  job: JobType,
  handler: TransactionHandler<unknown>,
  limit: number,
): Promise<number | "failed together"> {
  const together = new Error("failed together");
  try {
    const taken = await transaction(deps.sql, async (tx) => {
      const db = joining(tx);
      const jobs = await boss.fetch<object>(job.name, { batchSize: limit, db });
      if (jobs.length === 0) return 0;
      const ctx = systemCtx(deps, job.name);
      try {
        const data = jobs.map((each) => job.schema.parse(each.data));
        await tx.savepoint((inner) => handler.together(inner as typeof tx, ctx, data));
      } catch (error) {
        if (jobs.length > 1) throw together;
        deps.log.warn("job failed", { ...errorFields(error), job: job.name });
        await boss.fail(job.name, jobs[0]!.id, failureOf(error), { db });
        return 1;
      }
      await boss.complete(job.name, jobs.map(({ id }) => id), null, { db });
      return jobs.length;
    });
    if (taken > 0) deps.bell.ring("waybill_events");
    return taken;
  } catch (error) {
    if (error === together) return "failed together";
    throw error;
  }
}

async function serveOutside(
  deps: Deps,
  boss: PgBoss,
  job: JobType,
  handler: OutsideHandler<unknown>,
): Promise<string> {
  return await boss.work<object>(
    job.name,
    { pollingIntervalSeconds: OUTSIDE_POLL_SECONDS, batchSize: 1 },
    async ([each]) => {
      try {
        await handler.alone(systemCtx(deps, job.name), job.schema.parse(each!.data), each!.signal);
      } catch (error) {
        deps.log.warn("job failed", { ...errorFields(error), job: job.name });
        throw failureOf(error);
      }
    },
  );
}

/** What is kept of a failure, for staff to read: no value of a database error, which could quote a secret. */
function failureOf(error: unknown): Error & { code?: string } {
  const { error_name, error_code } = errorFields(error);
  const isOurs = error instanceof Error && error_code === undefined;
  const failure: Error & { code?: string } = new Error(
    isOurs ? error.message : `${error_name} ${error_code ?? ""}`.trim(),
  );
  failure.name = error_name ?? "Error";
  failure.code = error_code;
  failure.stack = undefined;
  return failure;
}
