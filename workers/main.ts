import { parseArgs } from "node:util";
import { loadConfig } from "../src/config.ts";
import { closeDeps, openDeps } from "../src/deps.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { logUncaught, orExit, runUntilTold } from "../src/process.ts";
import { ConfigError } from "../src/settings.ts";
import { startWorker } from "./worker.ts";

/** How long jobs may go on after SIGTERM before the process ends anyway. */
const DRAIN_MS = 25_000;

readEnvFile();
const config = await orExit(() => {
  const lanes = lanesOfFlag();
  return loadConfig({ ...Deno.env.toObject(), ...lanes !== undefined && { WORKER_LANES: lanes } });
});
const deps = await openDeps(config);
logUncaught(deps.log);
const worker = await orExit(() => startWorker(deps), deps.log);
deps.log.info("working", {
  url: `http://localhost:${worker.port}`,
  lanes: config.worker.lanes.join(","),
});

runUntilTold(deps.log, DRAIN_MS, async () => {
  await worker.stop();
  await closeDeps(deps);
});

/** @throws ConfigError for any other flag */
function lanesOfFlag(): string | undefined {
  try {
    return parseArgs({ options: { lanes: { type: "string" } } }).values.lanes;
  } catch (error) {
    throw new ConfigError(`Cannot start:\n  ${(error as Error).message}`);
  }
}
