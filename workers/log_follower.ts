import { type Deps, systemCtx } from "../src/deps.ts";
import { forgetChangedOrders } from "../src/orders/mod.ts";
import type { Ctx } from "../src/platform/ctx.ts";
import type { Sql, Tx } from "../src/platform/db.ts";
import { advanceReader, type LoggedEvent } from "../src/platform/event_log.ts";
import { errorFields } from "../src/platform/log.ts";
import { gather, type Waker } from "../src/platform/waker.ts";
import { makeJobs } from "../src/subscriptions.ts";
import { eventsAtOnce, fanOut } from "../src/webhooks/mod.ts";

const BATCH = 500;
const POLL_MS = 500;
const PAUSE_AFTER_ERROR_MS = 1000;

interface Reader {
  /** What follows from events, in the transaction that moves the reader on. Says whether there are new jobs. */
  work(tx: Tx, ctx: Ctx, events: LoggedEvent[]): Promise<boolean>;
  /** What is done with other systems before that transaction, so that a kill in between repeats it. */
  first?(ctx: Ctx, events: LoggedEvent[]): Promise<void>;
  /** How many events it takes at a time, where {@link BATCH} may be too many for a transaction. */
  atOnce?(sql: Sql, most: number): Promise<number>;
}

/** By their names in log_readers. */
export const READERS: Record<string, Reader> = {
  jobs: {
    // An API process that was killed between its commit and its cache leaves an older order there; were it dropped after
    // the commit, killing both would leave it for as long as an order may stay.
    first: forgetChangedOrders,
    work: makeJobs,
  },
  webhooks: { work: fanOut, atOnce: eventsAtOnce },
};

/**
 * Does what follows from a reader's next events.
 *
 * @returns how many there were (0 also when another process is reading), and whether there may be more
 */
export async function readOn(deps: Deps, name: string): Promise<{ count: number; mayBeMore: boolean }> {
  const ctx = systemCtx(deps, `reader.${name}`);
  const reader = READERS[name]!;
  let hasNewJobs = false;
  const work = async (tx: Tx, events: LoggedEvent[]) => {
    hasNewJobs = await reader.work(tx, ctx, events);
  };
  const first = (events: LoggedEvent[]) => reader.first?.(ctx, events);
  const limit = await reader.atOnce?.(deps.sql, BATCH) ?? BATCH;
  const done = await advanceReader(deps.sql, deps.horizon, name, limit, work, first);
  if (hasNewJobs) deps.jobs.announce();
  return done;
}

/** Follows the log with one reader until it is stopped. Processes take turns by themselves. */
export async function followLog(
  deps: Deps,
  reader: string,
  waker: Waker,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    const rings = waker.rings;
    try {
      const { count, mayBeMore } = await readOn(deps, reader);
      if (mayBeMore) continue;
      if (count > 0) await gather(stopping);
      await waker.wait(POLL_MS, rings);
    } catch (error) {
      deps.log.warn("could not follow the log", { ...errorFields(error), reader });
      await waker.wait(PAUSE_AFTER_ERROR_MS);
    }
  }
}
