import type { z } from "@hono/zod-openapi";
import type { Config } from "../../config.ts";
import { openDatabase, type Sql, transaction, type Tx } from "../../platform/db.ts";
import type { Invariant } from "./invariant.ts";
import { INVARIANTS } from "./invariants.ts";
import { countRows, findBreaks, readMoment, type Snapshot } from "./queries.ts";
import type { ReportSchema } from "./schemas.ts";

/** Checks that run side by side, each on its own connection. */
const LANES = 2;
const MAX_EXAMPLES = 10;
const QUERY_TIMEOUT_MS = 120_000;

/** All invariants as of one moment. */
export type Report = z.infer<typeof ReportSchema>;

/** What became of one invariant. */
export type Finding = Report["invariants"][number];

/**
 * Checks every invariant over the whole database as it is at one moment, while others go on writing. Reads only.
 *
 * @param now what waiting times are measured from
 */
export async function verifyBooks(sql: Sql, now: Date): Promise<Report> {
  const started = performance.now();
  const findings = new Map<string, Finding>();
  const counts = new Map<string, Promise<number>>();
  const left = [...INVARIANTS];
  const work = async (tx: Tx) => {
    for (let next = left.shift(); next; next = left.shift()) {
      findings.set(next.name, await look(tx, next, now, counts));
    }
  };
  await atOneMoment(sql, work).finally(() => left.splice(0));
  const invariants = INVARIANTS.map(({ name }) => findings.get(name)!);
  const count = (severity: Invariant["severity"]) =>
    invariants.filter((each) => each.severity === severity && each.breaks > 0).length;
  return {
    ok: count("broken") === 0,
    broken: count("broken"),
    warnings: count("warning"),
    checked_at: now.toISOString(),
    ms: Math.round(performance.now() - started),
    invariants,
  };
}

/** What is broken, a line for each example. */
export function brokenOf({ invariants }: Report): string[] {
  return invariants.filter(({ severity }) => severity === "broken")
    .flatMap(({ name, examples }) => examples.map(({ id, what }) => `${name}: ${id}: ${what}`));
}

/** As {@link verifyBooks}, on connections of its own, so that it takes none from requests. */
export async function verifyDatabase(config: Pick<Config, "databaseUrl">, now: Date): Promise<Report> {
  const sql = openDatabase({ databaseUrl: config.databaseUrl, databasePoolSize: LANES }, QUERY_TIMEOUT_MS);
  try {
    return await verifyBooks(sql, now);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Works on as many connections as there are lanes, all of which see the database as it was when the first began. */
async function atOneMoment(sql: Sql, work: (tx: Tx) => Promise<void>): Promise<void> {
  const others = Math.min(LANES, sql.options.max) - 1;
  await transaction(sql, async (tx) => {
    const moment = await readMoment(tx);
    await Promise.all([work(tx), ...Array.from({ length: others }, () => besides(sql, moment, work))]);
  });
}

async function besides(sql: Sql, moment: Snapshot, work: (tx: Tx) => Promise<void>): Promise<void> {
  await transaction(sql, async (tx) => {
    await readMoment(tx, moment);
    await work(tx);
  });
}

async function look(
  tx: Tx,
  invariant: Invariant,
  now: Date,
  counts: Map<string, Promise<number>>,
): Promise<Finding> {
  const { name, holds, severity, table } = invariant;
  const started = performance.now();
  const found = await findBreaks(tx, invariant, now, MAX_EXAMPLES);
  const ms = Math.round(performance.now() - started);
  if (!counts.has(table)) counts.set(table, countRows(tx, table));
  return { name, holds, severity, checked: await counts.get(table)!, ...found, ms };
}
