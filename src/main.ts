import { createApp } from "./app.ts";
import { ConfigError, loadConfig } from "./config.ts";
import { closeDeps, openDeps, systemCtx } from "./deps.ts";
import { createFirstAdmin } from "./identity/mod.ts";
import { readEnvFile } from "./platform/env_file.ts";
import { errorFields } from "./platform/log.ts";

/** How long open requests may go on after SIGTERM before the process ends anyway. */
const DRAIN_MS = 10_000;

readEnvFile();
const config = (() => {
  try {
    return loadConfig(Deno.env.toObject());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
})();
const deps = await openDeps(config);
const { log } = deps;

if (config.ephemeralSecret) {
  log.warn("No SECRET_KEY: tokens are signed with a key that dies with this process.");
}
if (!config.redis) {
  log.warn(
    "No Redis: cache and rate limits run in this process, so each API process counts and caches for itself.",
  );
}
await createFirstAdmin(systemCtx(deps, "start"));

const server = Deno.serve({
  hostname: config.host,
  port: config.port,
  onListen: ({ port }) => log.info("listening", { url: `http://localhost:${port}` }),
}, createApp(deps).fetch);

let draining = false;
async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  log.info("draining");
  const deadline = setTimeout(() => Deno.exit(1), DRAIN_MS);
  await deps.streams.close(); // the server waits for every answer to end
  await server.shutdown();
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
