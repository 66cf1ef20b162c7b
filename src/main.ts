import { createApp } from "./app.ts";
import { loadConfig } from "./config.ts";
import { closeDeps, openDeps, systemCtx } from "./deps.ts";
import { createFirstAdmin } from "./identity/mod.ts";
import { readEnvFile } from "./platform/env_file.ts";
import { orExit, runUntilTold } from "./process.ts";

/** How long open requests may go on after SIGTERM before the process ends anyway. */
const DRAIN_MS = 10_000;

readEnvFile();
const config = await orExit(() => loadConfig(Deno.env.toObject()));
const deps = await openDeps(config);
const { log } = deps;

if (config.ephemeralSecret) {
  log.warn("No SECRET_KEY: tokens are signed with a key that dies with this process.");
}
if (!config.redis) {
  log.warn(
    "No Redis: nothing is cached, and each API process counts requests for its rate limits by itself.",
  );
}
await orExit(() => createFirstAdmin(systemCtx(deps, "start")));

const server = Deno.serve({
  hostname: config.host,
  port: config.port,
  onListen: ({ port }) => log.info("listening", { url: `http://localhost:${port}` }),
}, createApp(deps).fetch);

runUntilTold(log, DRAIN_MS, async () => {
  await deps.streams.close(); // the server waits for every answer to end
  await server.shutdown();
  await closeDeps(deps);
});
