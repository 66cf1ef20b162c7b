/** What the commands share that are for whoever may run them on the server. */

import { parseArgs, type ParseArgsConfig } from "node:util";
import { loadConfig } from "../src/config.ts";
import { closeDeps, openDeps, systemCtx } from "../src/deps.ts";
import type { Ctx } from "../src/platform/ctx.ts";

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
