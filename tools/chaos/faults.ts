import { setTimeout as delay } from "node:timers/promises";
import type { Stage } from "./stage.ts";

export interface Plan {
  /** Faults at random moments of this time. */
  overMs: number;
  kills: number;
  /** How often Redis and Kafka each go away, and for how long. */
  outages: number;
  outageMs: number;
  lostConnections: number;
}

/** Does the plan's faults, each at its moment, and says what it did. Resolves after the last. */
export async function makeTrouble(
  stage: Stage,
  plan: Plan,
  random: () => number,
  say: (line: string) => void,
): Promise<void> {
  const started = performance.now();
  const tell = (what: string) =>
    say(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`);
  const at = async (ms: number, what: string, fault: () => unknown) => {
    await delay(Math.max(0, started + ms - performance.now()));
    tell(what);
    await fault();
  };
  const sometime = () => random() * plan.overMs;
  const faults: Promise<void>[] = [];
  const victims = ["api", "worker", "consumer"] as const;
  for (let i = 0; i < plan.kills; i++) {
    const victim = victims[i % 5 === 4 ? 2 : i % 2]!; // two of five the API, two the worker, one the consumer
    faults.push(at(sometime(), `kill -9 ${victim}`, () => stage.processes[victim].kill()));
  }
  for (let i = 0; i < plan.lostConnections; i++) {
    faults.push(at(sometime(), "a database connection is terminated", () =>
      stage.sql`
        select pg_terminate_backend(pid) from (
          select pid from pg_stat_activity
          where datname = current_database() and application_name like 'waybill%' and pid <> pg_backend_pid()
          order by random() limit 1
        ) victim`.then(() => {}, () => {})));
  }
  for (const [name, server] of [["Redis", stage.redis], ["Kafka", stage.kafka]] as const) {
    if (!server) continue;
    const share = plan.overMs / plan.outages;
    const begins = Array.from(
      { length: plan.outages },
      (_, i) => i * share + random() * Math.max(0, share - plan.outageMs),
    );
    faults.push((async () => {
      // One after the other, even where a restart takes longer than its place in the time.
      for (const begin of begins) {
        await at(begin, `${name} is gone for ${plan.outageMs / 1000} s`, async () => {
          await server.kill();
          await delay(plan.outageMs);
          await server.restart();
          tell(`${name} is back`);
        });
      }
    })());
  }
  await Promise.all(faults);
}
