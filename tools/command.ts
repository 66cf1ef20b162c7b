/** What the commands share that are for whoever may run them on the server. */

import { parseArgs, type ParseArgsConfig } from "node:util";
import { loadConfig } from "../src/config.ts";
import { ConfigError } from "../src/settings.ts";
import { closeDeps, openDeps, systemCtx } from "../src/deps.ts";
import type { Ctx } from "../src/platform/ctx.ts";
import { isUnavailable, sqlState } from "../src/platform/db.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { AppError } from "../src/platform/errors.ts";

const UNDEFINED_TABLE = "42P01";

/** A mistake of whoever typed the command. */
export class CommandError extends Error {}

/** The words and flags of a command line. @throws CommandError that says how the command is used */
export function parseCommandLine<const Config extends ParseArgsConfig>(config: Config, usage: string) {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new CommandError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** Does `work` as the system under this name, in a process that only needs the database. */
export async function asSystem(
  name: string,
  env: Record<string, string | undefined>,
  work: (ctx: Ctx) => Promise<void>,
): Promise<void> {
  const deps = await openDeps(loadConfig({
    ...env,
    APP_ENV: "local",
    REDIS_URL: undefined,
    UPSTASH_REDIS_REST_URL: undefined,
    UPSTASH_REDIS_REST_TOKEN: undefined,
  }));
  try {
    await work(systemCtx(deps, name));
  } finally {
    await closeDeps(deps);
  }
}

/** Runs a command. What is no mistake of ours is said in a line, and ends it with 1. */
export async function runCommand(main: (args: string[]) => Promise<void>): Promise<void> {
  readEnvFile();
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(complaint(error as Error));
    Deno.exitCode = 1;
  }
}

function complaint(error: Error): string {
  if (sqlState(error) === UNDEFINED_TABLE) return "The database has no tables yet: `deno task migrate`.";
  if (isUnavailable(error)) return `The database cannot be used now: ${error.message}`;
  if ([CommandError, ConfigError, AppError].some((kind) => error instanceof kind)) return error.message;
  throw error;
}
