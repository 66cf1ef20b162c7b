/** `pgbench -b tpcb-like`: what this PostgreSQL can do on this machine. */

import { outputOf } from "../tools/supervise.ts";

const SCALE = 10;
const CLIENTS = 10;

/** Undefined where the machine has no pgbench. */
export async function findPgbench(): Promise<string | undefined> {
  const versioned = [18, 17, 16, 15].map((version) => `/usr/lib/postgresql/${version}/bin/pgbench`);
  for (const command of ["pgbench", ...versioned]) {
    if (await outputOf(command, "--version") !== undefined) return command;
  }
}

export async function initPgbench(command: string, databaseUrl: string): Promise<void> {
  await run(command, databaseUrl, ["-i", "-q", "-s", String(SCALE)]);
}

/** Transactions per second. */
export async function runPgbench(command: string, databaseUrl: string, seconds: number): Promise<number> {
  const args = ["-b", "tpcb-like", "-c", String(CLIENTS), "-j", "2", "-M", "prepared", "-T", String(seconds)];
  const output = await run(command, databaseUrl, args);
  const found = /^tps = ([\d.]+)/m.exec(output);
  if (!found) throw new Error(`pgbench said nothing of tps:\n${output}`);
  return Number(found[1]);
}

async function run(command: string, databaseUrl: string, args: string[]): Promise<string> {
  const url = new URL(databaseUrl);
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args, "-h", url.hostname, "-p", url.port, "-U", url.username, url.pathname.slice(1)],
    env: { PGPASSWORD: decodeURIComponent(url.password) },
  }).output();
  if (!success) throw new Error(`pgbench ${args.join(" ")} failed:\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
