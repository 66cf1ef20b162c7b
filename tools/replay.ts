/**
 * `deno task replay FILE.csv[.gz]`: plays invoices in the layout of the UCI "Online Retail" data set through the public
 * API and compares, country by country, what the file sums to with what the API gives back. Exit code 1: they differ.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { join } from "@std/path";
import cliProgress from "cli-progress";
import { readEnvFile } from "../src/platform/env_file.ts";
import { FileError, readOnlineRetail } from "./replay/online_retail.ts";
import { makePlan } from "./replay/plan.ts";
import { play, type PlayOptions } from "./replay/play.ts";
import { readBack } from "./replay/read_back.ts";
import { report } from "./replay/report.ts";
import { openSession, ReplayError } from "./replay/session.ts";

const USAGE =
  `Usage: deno task replay FILE.csv[.gz] [--url http://localhost:8000] [--email E] [--password P] [--concurrency 32]

Staff credentials come from the flags, from ADMIN_EMAIL and ADMIN_PASSWORD, or from a \`deno task dev\` in this folder.`;

/** Plays a file against a server. Gives the report, and whether file and API agree. @throws FileError, ReplayError */
export async function replay(
  file: string,
  options: {
    url: string;
    email: string;
    password: string;
    concurrency: number;
    progress: PlayOptions["progress"];
  },
): Promise<{ text: string; agrees: boolean }> {
  const plan = makePlan(await Array.fromAsync(readOnlineRetail(file)));
  if (plan.orders.length === 0) throw new FileError(`${file} has no invoice that can be played`);
  const fileId = createHash("sha256").update(await Deno.readFile(file)).digest("hex").slice(0, 12);
  const waybill = await openSession(options.url, options.email, options.password);
  const played = await play(waybill, plan, { fileId, ...options });
  return report(plan, played, await readBack(waybill, plan));
}

/** What a file, a server or the way to it may be to blame for. */
const EXPECTED = [ReplayError, FileError, TypeError, Deno.errors.NotFound, Deno.errors.IsADirectory];

/** A bar on a terminal, a line a phase elsewhere. */
function showProgress(): PlayOptions["progress"] & { stop(): void } {
  const bar = new cliProgress.SingleBar(
    { format: "{phase} {bar} {value}/{total}" },
    cliProgress.Presets.shades_classic,
  );
  return {
    begin(phase, total) {
      bar.stop();
      if (Deno.stdout.isTerminal()) bar.start(total, 0, { phase: phase.padEnd(14) });
      else console.log(`${phase}: ${total}`);
    },
    step: () => bar.increment(),
    stop: () => bar.stop(),
  };
}

function credentials(
  flags: { email?: string; password?: string },
): { email: string; password: string } | undefined {
  const local = join(Deno.env.get("DATA_DIR") || ".data", "local.json");
  const dev = existsSync(local) ? JSON.parse(Deno.readTextFileSync(local)) : {};
  const email = flags.email ?? Deno.env.get("ADMIN_EMAIL") ?? dev.ADMIN_EMAIL;
  const password = flags.password ?? Deno.env.get("ADMIN_PASSWORD") ?? dev.ADMIN_PASSWORD;
  return email && password ? { email, password } : undefined;
}

const OPTIONS = {
  url: { type: "string", default: "http://localhost:8000" },
  email: { type: "string" },
  password: { type: "string" },
  concurrency: { type: "string", default: "32" },
} as const;

/** Undefined for flags that there are not, which it names. */
function parseFlags(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS });
  } catch (error) {
    console.error(`${(error as Error).message}\n`);
  }
}

async function main(args: string[]): Promise<number> {
  readEnvFile();
  const flags = parseFlags(args);
  if (!flags) {
    console.error(USAGE);
    return 2;
  }
  const { values, positionals: [file, ...more] } = flags;
  const login = credentials(values);
  const concurrency = Number(values.concurrency);
  if (!file || more.length > 0 || !login || !Number.isInteger(concurrency) || concurrency < 1) {
    console.error(USAGE);
    return 2;
  }
  const progress = showProgress();
  try {
    const { text, agrees } = await replay(file, { url: values.url, ...login, concurrency, progress });
    progress.stop();
    console.log(text);
    return agrees ? 0 : 1;
  } catch (error) {
    progress.stop();
    if (!EXPECTED.some((kind) => error instanceof kind)) throw error;
    console.error((error as Error).message);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
