import { type Deps, systemCtx } from "../src/deps.ts";
import { JOBS } from "../src/jobs.ts";
import { transaction } from "../src/platform/db.ts";
import { type JobType, type JobWithMetadata, joining, openJob, type PgBoss } from "../src/platform/jobs.ts";
import { errorFields } from "../src/platform/log.ts";
import { inSpan } from "../src/platform/tracing.ts";
import { gather, Waker } from "../src/platform/waker.ts";
import { HANDLERS, type OutsideHandler, type TransactionHandler } from "./handlers.ts";

const POLL_MS = 1000;
const PAUSE_AFTER_ERROR_MS = 1000;
/** pg-boss's smallest. */
const OUTSIDE_POLL_SECONDS = 0.5;
/**
 * How much of its time limit a round has before it is to end, whatever is left for the next one: what meets the limit has
 * failed, however much it did, and a pile of hours would make a dead letter of it.
 */
const ROUND_SHARE = 9 / 10;
/** How much of a worker's places for a fair job one group may have, of all workers together. */
const GROUP_SHARE = 1 / 4;

// deno-lint-ignore no-explicit-any
type HandlerOf = { transaction: TransactionHandler<any>; outside: OutsideHandler<any> };
/** What does each job: of the kind that its policy says, or this is a type error. */
const HANDLER_OF: { [Job in typeof JOBS[number] as Job["name"]]: HandlerOf[Job["policy"]["work"]] } =
  HANDLERS;

/** Serves these lanes until it is stopped; what is under way then is finished, but a round leaves the rest to the next one. */
export async function serveLanes(deps: Deps, boss: PgBoss): Promise<{ stop(): Promise<void> }> {
  const { lanes, concurrency } = deps.config.worker;
  const stopping = new AbortController();
  const waker = new Waker(stopping.signal);
  const wakeOutside: (() => void)[] = [];
  const running: Promise<void>[] = [];
  for (const job of JOBS.filter(({ lane }) => lanes.includes(lane))) {
    const handler = HANDLER_OF[job.name];
    if (job.policy.fair && "alone" in handler) {
      wakeOutside.push(await serveFairly(deps, boss, job, handler, stopping.signal));
      continue;
    }
    for (let i = 0; i < concurrency[job.lane]; i++) {
      if ("together" in handler) {
        running.push(serveInTransactions(deps, boss, job, handler, waker, stopping.signal));
      } else {
        const id = await serveOutside(deps, boss, job, handler, stopping.signal);
        wakeOutside.push(() => boss.notifyWorker(id));
      }
    }
  }
  const silence = deps.bell.listen("waybill_jobs", () => {
    waker.wake();
    for (const wake of wakeOutside) wake();
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
    const rings = waker.rings;
    try {
      let taken = await takeJobs(deps, boss, job, handler, limit);
      if (taken === "failed together") {
        for (let i = 0; i < limit; i++) await takeJobs(deps, boss, job, handler, 1);
        taken = limit;
      }
      if (taken > 0 && taken < limit) await gather(stopping);
      else if (taken < limit) await waker.wait(POLL_MS, rings);
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
  let start = performance.now();
  let result: "done" | "failed" = "done";
  try {
    const taken = await transaction(deps.sql, async (tx) => {
      const db = joining(tx);
      const jobs = await boss.fetch<object>(job.name, { batchSize: limit, db });
      if (jobs.length === 0) return 0;
      start = performance.now();
      try {
        const opened = jobs.map((each) => openJob(job, each.data));
        await inSpan(job.name, opened.map((each) => each.traceparent), (traceparent) => {
          const ctx = { ...systemCtx(deps, job.name), traceparent };
          const data = opened.map((each) => each.data);
          return tx.savepoint((inner) => handler.together(inner as typeof tx, ctx, data));
        });
      } catch (error) {
        if (jobs.length > 1) throw together;
        result = "failed";
        deps.log.warn("job failed", { ...errorFields(error), job: job.name });
        await boss.fail(job.name, jobs[0]!.id, failureOf(error), { db });
        return 1;
      }
      await boss.complete(job.name, jobs.map(({ id }) => id), null, { db });
      return jobs.length;
    });
    if (taken > 0) {
      deps.metrics.jobsEnded(job.name, result, taken, (performance.now() - start) / 1000);
      deps.bell.ring("waybill_events");
    }
    return taken;
  } catch (error) {
    if (error === together) return "failed together";
    throw error;
  }
}

/** Does up to a batch of jobs side by side, each with an end of its own. */
async function serveOutside(
  deps: Deps,
  boss: PgBoss,
  job: JobType,
  handler: OutsideHandler<unknown>,
  stopping: AbortSignal,
): Promise<string> {
  return await boss.work(
    job.name,
    {
      pollingIntervalSeconds: OUTSIDE_POLL_SECONDS,
      batchSize: job.policy.batchSize ?? 1,
      burstWhenBatchFull: true,
      includeMetadata: true,
      perJobResults: true,
    },
    (jobs: JobWithMetadata<object>[]) =>
      Promise.all(jobs.map((each) => doOutside(deps, job, handler, stopping, each))),
  );
}

/**
 * Does as many jobs side by side, but takes each by itself: a slow one holds up no other, and a group of slow ones leaves
 * places to the others. A place that was idle and found a job has the next one look, so a quiet shop has few that look.
 * One that goes on from job to job has nobody look: while groups have all that they may have, whoever looks reads past
 * every job of theirs that waits, and finds none.
 *
 * @returns what has one look at once
 */
async function serveFairly(
  deps: Deps,
  boss: PgBoss,
  job: JobType,
  handler: OutsideHandler<unknown>,
  stopping: AbortSignal,
): Promise<() => void> {
  const places = deps.config.worker.concurrency[job.lane] * (job.policy.batchSize ?? 1);
  /** Since when they are, in ms; one that was told to look has been for long. */
  const idle = new Map<string, number>();
  let opened = 0;
  const open = async () => {
    opened++;
    const id: string = await boss.work(
      job.name,
      {
        pollingIntervalSeconds: OUTSIDE_POLL_SECONDS * opened,
        includeMetadata: true,
        perJobResults: true,
        groupConcurrency: Math.ceil(places * GROUP_SHARE),
      },
      async ([each]: JobWithMetadata<object>[]) => {
        const goesOn = performance.now() - idle.get(id)! < OUTSIDE_POLL_SECONDS * 1000;
        idle.delete(id);
        if (!goesOn) look();
        const result = await doOutside(deps, job, handler, stopping, each!);
        idle.set(id, performance.now());
        boss.notifyWorker(id);
        return [result];
      },
    );
    idle.set(id, -Infinity);
  };
  const look = () => {
    const [id] = idle.keys();
    if (id) {
      idle.set(id, -Infinity);
      boss.notifyWorker(id);
    } else if (opened < places && !stopping.aborted) {
      open().catch((error) =>
        deps.log.warn("could not look for more jobs", { ...errorFields(error), job: job.name })
      );
    }
  };
  await open();
  return look;
}

async function doOutside(
  deps: Deps,
  job: JobType,
  handler: OutsideHandler<unknown>,
  stopping: AbortSignal,
  { id, data: stored, signal, retryCount, retryLimit }: JobWithMetadata<object>,
): Promise<{ id: string; status: "completed" | "failed"; output?: Failure }> {
  const start = performance.now();
  const ended = (result: "done" | "failed") =>
    deps.metrics.jobsEnded(job.name, result, 1, (performance.now() - start) / 1000);
  const due = new AbortController();
  const timer = job.policy.exclusive &&
    setTimeout(() => due.abort(), job.policy.timeLimit * 1000 * ROUND_SHARE);
  const ending = job.policy.exclusive ? AbortSignal.any([signal, due.signal, stopping]) : signal;
  try {
    const { data, traceparent: cause } = openJob(job, stored);
    await inSpan(job.name, [cause], (traceparent) => {
      const ctx = { ...systemCtx(deps, job.name), traceparent };
      return handler.alone(ctx, data, ending, retryCount >= retryLimit);
    });
    ended("done");
    return { id, status: "completed" };
  } catch (error) {
    deps.log.warn("job failed", { ...errorFields(error), job: job.name });
    ended("failed");
    return { id, status: "failed", output: failureOf(error) };
  } finally {
    if (timer) clearTimeout(timer);
  }
}

interface Failure {
  name: string;
  code?: string;
  message: string;
}

/** What is kept of a failure, for staff to read: no value of a database error, which could quote a secret. */
function failureOf(error: unknown): Failure {
  const { error_name = "Error", error_code } = errorFields(error);
  const isOurs = error instanceof Error && error_code === undefined;
  return {
    name: error_name,
    code: error_code,
    message: isOurs ? error.message : `${error_name} ${error_code ?? ""}`.trim(),
  };
}
