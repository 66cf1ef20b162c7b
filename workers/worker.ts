import type { Deps } from "../src/deps.ts";
import { JOBS } from "../src/jobs.ts";
import { installJobs } from "../src/platform/jobs.ts";
import { errorFields, type Log } from "../src/platform/log.ts";
import { Waker } from "../src/platform/waker.ts";
import { startEventDispatcher } from "./event_dispatcher.ts";
import { serveHealth } from "./health.ts";
import { serveLanes } from "./lanes.ts";
import { followLog, READERS } from "./log_follower.ts";
import { SCHEDULES } from "./schedules.ts";

/** How often one kind of trouble is told. */
const TELL_EVERY_MS = 10_000;

export interface Worker {
  /** Where its `/health` and `/metrics` are. */
  port: number;
  stop(): Promise<void>;
}

/** Everything a worker process does: jobs of its lanes, what follows from the log, schedules, its own health. */
export async function startWorker(deps: Deps): Promise<Worker> {
  const { worker: { concurrency } } = deps.config;
  await installJobs(deps.config.databaseUrl, JOBS);
  const connections = 2 + Object.values(concurrency).reduce((sum, each) => sum + each, 0);
  const boss = await deps.jobs.openForWork(connections, tellNowAndThen(deps.log));
  for (const { job, cron } of SCHEDULES) await boss.schedule(job, cron, {}, { missed: "once" });

  const stopping = new AbortController();
  const waker = new Waker(stopping.signal);
  const silence = deps.bell.listen("waybill_events", () => waker.wake());
  const following = Object.keys(READERS).map((reader) => followLog(deps, reader, waker, stopping.signal));
  const lanes = await serveLanes(deps, boss);
  const dispatcher = startEventDispatcher(deps);
  const server = serveHealth(deps, dispatcher);
  return {
    port: server.addr.port,
    async stop() {
      silence();
      stopping.abort();
      await Promise.all([...following, lanes.stop(), dispatcher.stop()]);
      await boss.stop({ graceful: true, close: false });
      await server.shutdown();
    },
  };
}

/** Every place of every kind of job meets the same trouble: while the database is away that is sixty times a second. */
function tellNowAndThen(log: Log): (error: Error) => void {
  const toldAt = new Map<string, number>();
  return (error) => {
    const fields = { ...errorFields(error), job: (error as { queue?: string }).queue };
    const trouble = fields.error_code ?? fields.error_name!;
    const now = performance.now();
    if (now - (toldAt.get(trouble) ?? -Infinity) < TELL_EVERY_MS) return;
    toldAt.set(trouble, now);
    log.warn("could not look for jobs", fields);
  };
}
