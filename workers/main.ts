import { parseArgs } from "node:util";
import { loadConfig } from "../src/config.ts";
import { closeDeps, openDeps } from "../src/deps.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { orExit, runUntilTold } from "../src/process.ts";
import { startWorker } from "./worker.ts";

/** How long jobs may go on after SIGTERM before the process ends anyway. */
const DRAIN_MS = 25_000;

readEnvFile();
const { values: { lanes } } = parseArgs({ options: { lanes: { type: "string" } } });
const config = await orExit(() =>
  loadConfig({ ...Deno.env.toObject(), ...lanes !== undefined && { WORKER_LANES: lanes } })
);
const deps = await openDeps(config);
const worker = await orExit(() => startWorker(deps));
deps.log.info("working", {
  url: `http://localhost:${worker.port}`,
  lanes: config.worker.lanes.join(","),
});

runUntilTold(deps.log, DRAIN_MS, async () => {
  await worker.stop();
  await closeDeps(deps);
});
