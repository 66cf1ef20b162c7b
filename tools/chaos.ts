/**
 * `deno task chaos [--orders 10000] [--kills 50] [--seed N] [--seconds 120] [--outages 2] [--outage-seconds 10]
 * [--lost-connections 10]`: places orders, every other one by way of a cart, a quote, a checkout and a payment, while the
 * API, the worker and a consumer are killed with -9, Redis and Kafka go away, and connections to the database are
 * terminated. Then waits until all is quiet and looks for anything that was lost, doubled or miscounted, goods and money.
 * Exits with 1 if it finds something. The same seed plans the same faults; what they hit depends on the machine.
 */

import { parseArgs } from "node:util";
import { tellFates } from "./chaos/check_money.ts";
import { type Check, check } from "./chaos/checks.ts";
import { shop, staffToken } from "./chaos/customers.ts";
import { makeTrouble } from "./chaos/faults.ts";
import { drain } from "./chaos/quiet.ts";
import { seeded } from "./chaos/random.ts";
import { openStage } from "./chaos/stage.ts";

const DRAIN_PATIENCE_MS = 120_000;

const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "10000" },
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    seconds: { type: "string", default: "120" },
    outages: { type: "string", default: "2" },
    "outage-seconds": { type: "string", default: "10" },
    "lost-connections": { type: "string", default: "10" },
  },
});
const number = (name: keyof typeof values): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`--${name} must be a whole number`);
  Deno.exit(2);
};
const seed = number("seed");
const orders = number("orders");
const overMs = number("seconds") * 1000;

const stage = await openStage(console.log);
let failed = true;
try {
  console.log(`Seed ${seed}: ${orders} orders, ${values.kills} kills, over ${values.seconds} s`);
  for (const each of stage.missing) console.log(`Left out: ${each}`);
  const started = performance.now();
  const [shopping] = await Promise.all([
    shop(stage, orders, overMs, seeded(seed)),
    makeTrouble(
      stage,
      {
        overMs,
        kills: number("kills"),
        outages: number("outages"),
        outageMs: number("outage-seconds") * 1000,
        lostConnections: number("lost-connections"),
      },
      seeded(seed + 1),
      console.log,
    ),
  ]);
  const seconds = (performance.now() - started) / 1000;
  const { ms, left } = await drain(stage, await staffToken(stage), DRAIN_PATIENCE_MS);
  const kills = Object.entries(stage.processes).map(([name, { kills }]) => `${name} ${kills}`).join(", ");
  console.log(
    `\n${shopping.placed.length} orders (${shopping.checkedOut.length} checked out) in ${
      seconds.toFixed(1)
    } s with ` +
      `${shopping.attempts} requests, ${shopping.cancelled.size} cancelled; killed: ${kills}`,
  );
  const { ms: waited, call, why } = shopping.longest;
  console.log(
    `longest wait for an answer: ${(waited / 1000).toFixed(1)} s, ${call} (${why || "answered at once"})`,
  );
  for (const line of await tellFates(stage.sql)) console.log(line);
  console.log(`refused: ${Object.entries(shopping.refused).map(([code, n]) => `${n} ${code}`).join(", ")}`);
  const checks: Check[] = [
    {
      holds: `all quiet within ${DRAIN_PATIENCE_MS / 1000} s of the last fault (${(ms / 1000).toFixed(1)} s)`,
      violations: Object.keys(left).length,
      examples: Object.entries(left).map(([what, count]) => `${what}: ${count}`),
    },
    ...await check(stage, shopping),
  ];
  for (const { holds, violations, examples } of checks) {
    console.log(`${violations === 0 ? "ok    " : "BROKEN"} ${holds}`);
    if (violations > 0) console.log(`       ${violations}: ${examples.join("; ")}`);
  }
  failed = checks.some(({ violations }) => violations > 0);
  if (failed) console.log(["The processes logged:", ...await stage.errors()].join("\n"));
} finally {
  await stage.stop();
}
Deno.exit(failed ? 1 : 0);
