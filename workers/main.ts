import { parseArgs } from "node:util";
import { ConfigError, loadConfig } from "../src/config.ts";
import { closeDeps, openDeps } from "../src/deps.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { errorFields } from "../src/platform/log.ts";
import { startWorker } from "./worker.ts";

/** How long jobs may go on after SIGTERM before the process ends anyway. */
const DRAIN_MS = 25_000;

readEnvFile();
const { values: args } = parseArgs({ options: { lanes: { type: "string" } } });
const config = (() => {
  try {
    return loadConfig({
      ...Deno.env.toObject(),
      ...args.lanes !== undefined && { WORKER_LANES: args.lanes },
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
})();
const deps = await openDeps(config);
const { log } = deps;
const worker = await startWorker(deps);
log.info("working", { url: `http://localhost:${worker.port}`, lanes: config.worker.lanes.join(",") });

let draining = false;
async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  log.info("draining");
  const deadline = setTimeout(() => Deno.exit(1), DRAIN_MS);
  await worker.stop();
  await closeDeps(deps);
  clearTimeout(deadline);
  Deno.exit(0);
}
Deno.addSignalListener("SIGTERM", drain);
Deno.addSignalListener("SIGINT", drain);
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  log.error("unhandled rejection", errorFields(event.reason));
});
