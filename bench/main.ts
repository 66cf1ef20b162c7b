/**
 * `deno task bench`: Waybill beside the machine's limits, in one run. See README.md in this folder. Exits with 1 if a
 * request failed; the ratios are for people to judge, as another program on the machine can halve them.
 */

import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { inDatabase, withConnection } from "../tools/database_admin.ts";
import { withCpuShare } from "./processes.ts";
import { findPgbench, initPgbench, runPgbench } from "./pgbench.ts";
import { type Measurement, median, printTable, writeResults } from "./report.ts";
import { openStage, ROOT, type Server, type Stage, startServer } from "./stage.ts";
import { failures, play, type Target, type Traffic } from "./traffic.ts";

const CLIENTS = 32;
const MANY_CLIENTS = 500;
/** A checkout is three requests after each other: so many clients keep as many of each under way as 32 keep orders. */
const CHECKOUT_CLIENTS = 128;
const KNOWN_ORDERS = 500;
const WARM_UP_SECONDS = 3;

const { values: args } = parseArgs({
  args: Deno.args,
  options: { seconds: { type: "string", default: "6" }, rounds: { type: "string", default: "3" } },
});
const seconds = Number(args.seconds);
const rounds = Number(args.rounds);
if (!(seconds > 0 && rounds >= 1)) {
  console.error("deno task bench [--seconds 6] [--rounds 3]");
  Deno.exit(2);
}

const missing: string[] = [];
const stage = await openStage(console.log);
const measurements: Measurement[] = [];
try {
  const api = await stage.startApi();
  const bare = await startServer(
    "bench/bare_server.ts",
    stage.redisUrl ? { REDIS_URL: stage.redisUrl } : {},
    "/dev/null",
  );
  try {
    await measure(stage, api, bare);
  } finally {
    await Promise.all([api.stop(), bare.stop()]);
  }
} finally {
  await stage.stop();
}
printTable(measurements, missing);
console.log(`\n${await writeResults(`${ROOT}bench/results`, { seconds, rounds, measurements, missing })}`);
if (measurements.some(({ failed }) => failed > 0)) Deno.exit(1);

async function measure(stage: Stage, api: Server, bare: Server): Promise<void> {
  const tokens = await stage.signTokens(stage.customers);
  const place: Traffic = { kind: "place", tokens, skus: stage.skus };
  const checkout: Traffic = { kind: "checkout", tokens, skus: stage.skus };

  console.log("Warming up");
  await play({ port: api.port, clients: CLIENTS, seconds: WARM_UP_SECONDS, traffic: place });
  await play({ port: api.port, clients: CLIENTS, seconds: WARM_UP_SECONDS, traffic: checkout });

  const pgbench = await findPgbench();
  const pgbenchUrl = inDatabase(stage.adminUrl, "pgbench");
  if (pgbench) {
    await withConnection(stage.adminUrl, (sql) => sql`create database pgbench`);
    await initPgbench(pgbench, pgbenchUrl);
  } else {
    missing.push("pgbench is not on the PATH: placing orders has nothing to be compared with.");
  }
  const tps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    if (pgbench) {
      tps.push(await runPgbench(pgbench, pgbenchUrl, seconds));
      console.log(`pgbench tpcb-like: ${Math.round(tps.at(-1)!)}/s`);
    }
    await load("place orders", api, place);
    await load("check out, paid", api, checkout, CHECKOUT_CLIENTS);
  }
  if (pgbench) {
    measurements.push({ name: "pgbench tpcb-like", clients: 10, rates: tps, failed: 0 });
    compare("place orders", "pgbench tpcb-like", tps, 0.5);
    compare("check out, paid", "pgbench tpcb-like", tps, 0.35);
  }

  const targets = await warmOrders(stage, api, tokens);
  const reads: Traffic = { kind: "get", targets };
  await play({ port: api.port, clients: CLIENTS, seconds: WARM_UP_SECONDS, traffic: reads });
  if (stage.redisUrl) {
    const same: Traffic = { kind: "get", targets: await copyBodies(stage.redisUrl, api, targets) };
    await play({ port: bare.port, clients: CLIENTS, seconds: WARM_UP_SECONDS, traffic: same });
    for (let round = 0; round < rounds; round++) {
      await load("bare Hono, same body, same Redis", bare, same);
      await load("read cached orders", api, reads);
    }
    compare("read cached orders", "bare Hono", of("bare Hono, same body, same Redis").rates, 0.35);
  } else {
    missing.push(
      "redis-server is not on the PATH: nothing is cached, and there is no bare server to compare.",
    );
    for (let round = 0; round < rounds; round++) await load("read cached orders", api, reads);
  }

  const list: Traffic = { kind: "get", targets: [{ path: "/v1/products?limit=20" }] };
  for (let round = 0; round < rounds; round++) await load("product list, 20 a page", api, list);

  const mixed: Traffic = { kind: "mixed", readShare: 0.9, targets, tokens, skus: stage.skus };
  for (let round = 0; round < rounds; round++) {
    await load("90 % reads, 10 % orders", api, mixed, MANY_CLIENTS);
  }

  const trivial: Traffic = { kind: "get", targets: [{ path: "/trivial" }] };
  for (let round = 0; round < rounds; round++) await load("the generator's own limit", bare, trivial);
}

/** Plays one round and adds it to the measurement of this name. */
async function load(name: string, server: Server, traffic: Traffic, clients = CLIENTS): Promise<void> {
  const { result, cpuShare } = await withCpuShare(
    server.pid,
    () => play({ port: server.port, clients, seconds, traffic }),
  );
  console.log(`${name}: ${Math.round(result.perSecond)}/s, ${failures(result)} failed`);
  let measurement = measurements.find((each) => each.name === name);
  if (!measurement) measurements.push(measurement = { name, clients, rates: [], failed: 0, rounds: [] });
  measurement.rates.push(result.perSecond);
  measurement.failed += failures(result);
  measurement.rounds!.push({ ...result, serverCpuShare: cpuShare });
}

function of(name: string): Measurement {
  return measurements.find((each) => each.name === name)!;
}

/** By the median of the rounds' ratios: both of a round ran within seconds of each other. */
function compare(name: string, beside: string, yardstick: number[], aim: number): void {
  const measurement = of(name);
  const ratio = median(measurement.rates.map((rate, round) => rate / yardstick[round]!));
  measurement.against = { name: beside, ratio, aim };
}

/** Orders with their owners' tokens, each read once so that the cache has it. */
async function warmOrders(stage: Stage, api: Server, tokens: string[]): Promise<Target[]> {
  const tokenOf = new Map(stage.customers.map((id, index) => [id, tokens[index]!]));
  const orders = await stage.sql<{ id: string; user_id: string }[]>`
    select id, user_id from orders order by id desc limit ${KNOWN_ORDERS}`;
  const targets = orders.map(({ id, user_id }) => ({
    path: `/v1/orders/${id}`,
    token: tokenOf.get(user_id)!,
  }));
  for (const target of targets) await readBody(api, target);
  return targets;
}

/** Puts what Waybill answers where the bare server finds it. */
async function copyBodies(redisUrl: string, api: Server, targets: Target[]): Promise<Target[]> {
  const redis = new Redis(redisUrl);
  for (const target of targets) {
    await redis.set(`bare:${target.path.split("/").at(-1)}`, await readBody(api, target));
  }
  await redis.quit();
  return targets.map(({ path }) => ({ path: path.replace("/v1", "") }));
}

async function readBody(api: Server, { path, token }: Target): Promise<string> {
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`, { headers });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}.`);
  return await response.text();
}
