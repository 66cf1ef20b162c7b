/**
 * `deno task verify [--json]`: does everything in the database agree with everything else? Reads DATABASE_URL's database,
 * from the environment or `.env`, as it is at one moment, while the API goes on. Ends with 1 if anything is broken, with
 * 2 if it could not look.
 */

import { parseArgs } from "node:util";
import { type Finding, type Report, verifyDatabase } from "../src/admin/mod.ts";
import { parseDatabaseUrl } from "../src/settings.ts";
import { readEnvFile } from "../src/platform/env_file.ts";

const USAGE = "DATABASE_URL=postgres://… deno task verify [--json]";

function printReport(report: Report): void {
  const width = Math.max(...report.invariants.map(({ name }) => name.length));
  for (const each of report.invariants) {
    const rows = `${each.checked} rows`.padStart(14);
    console.log(
      `${verdict(each).padEnd(8)} ${each.name.padEnd(width)} ${rows} ${
        `${each.ms} ms`.padStart(9)
      }  ${each.holds}`,
    );
    for (const { id, what } of each.examples) console.log(`           ${id}: ${what}`);
    const more = each.breaks - each.examples.length;
    if (more > 0) console.log(`           … and ${more} more`);
  }
  const { invariants, broken, warnings, ms } = report;
  console.log(
    `\n${invariants.length} invariants in ${
      (ms / 1000).toFixed(1)
    } s: ${broken} broken, ${warnings} warnings.`,
  );
}

function verdict({ severity, breaks }: Finding): string {
  if (breaks === 0) return "ok";
  return severity === "broken" ? "BROKEN" : "warning";
}

function flags(): { json: boolean } {
  try {
    return parseArgs({ options: { json: { type: "boolean", default: false } } }).values as { json: boolean };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
}

if (import.meta.main) {
  readEnvFile();
  const { json } = flags();
  const databaseUrl = Deno.env.get("DATABASE_URL");
  if (!databaseUrl) {
    console.error(`DATABASE_URL is missing: it is neither in the environment nor in .env.\n${USAGE}`);
    Deno.exit(2);
  }
  try {
    const report = await verifyDatabase({ databaseUrl: parseDatabaseUrl(databaseUrl) }, new Date());
    if (json) console.log(JSON.stringify(report, null, 2));
    else printReport(report);
    if (!report.ok) Deno.exitCode = 1;
  } catch (error) {
    console.error(`Could not look: ${(error as Error).message}`);
    Deno.exitCode = 2;
  }
}
