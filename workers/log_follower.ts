import { type Deps, systemCtx } from "../src/deps.ts";
import { forgetChangedOrders } from "../src/orders/mod.ts";
import type { Ctx } from "../src/platform/ctx.ts";
import type { Tx } from "../src/platform/db.ts";
import { advanceReader, type LoggedEvent } from "../src/platform/event_log.ts";
import { errorFields } from "../src/platform/log.ts";
import { makeJobs } from "../src/subscriptions.ts";
import { fanOut } from "../src/webhooks/mod.ts";
import { gather, type Waker } from "./waker.ts";

const BATCH = 500;
const POLL_MS = 500;
const PAUSE_AFTER_ERROR_MS = 1000;

/** What follows from the log, by the name of the reader in log_readers. */
export const READERS: Record<string, (tx: Tx, ctx: Ctx, events: LoggedEvent[]) => Promise<void>> = {
  jobs: async (tx, ctx, events) => {
    await makeJobs(tx, ctx, events);
    // An API process that was killed between its commit and its cache leaves an older order there.
    await forgetChangedOrders(ctx, events);
  },
  webhooks: fanOut,
};

/** Follows the log with one reader until it is stopped. Processes take turns by themselves. */
export async function followLog(
  deps: Deps,
  reader: string,
  waker: Waker,
  stopping: AbortSignal,
): Promise<void> {
  const work = READERS[reader]!;
  while (!stopping.aborted) {
    const rings = waker.rings;
    try {
      const ctx = systemCtx(deps, `reader.${reader}`);
      const count = await advanceReader(
        deps.sql,
        deps.horizon,
        reader,
        BATCH,
        (tx, events) => work(tx, ctx, events),
      );
      if (count > 0) deps.jobs.announce();
      if (count > 0 && count < BATCH) await gather(stopping);
      if (count < BATCH) await waker.wait(POLL_MS, rings);
    } catch (error) {
      deps.log.warn("could not follow the log", { ...errorFields(error), reader });
      await waker.wait(PAUSE_AFTER_ERROR_MS);
    }
  }
}
