import { createApp } from "./app.ts";
import { loadConfig } from "./config.ts";
import { closeDeps, openDeps, systemCtx } from "./deps.ts";
import { createFirstAdmin } from "./identity/mod.ts";
import { readEnvFile } from "./platform/env_file.ts";
import { errorFields } from "./platform/log.ts";
import { listen, logUncaught, orExit, runUntilTold } from "./process.ts";

/** How long open requests may go on after SIGTERM before the process ends anyway. */
const DRAIN_MS = 10_000;

readEnvFile();
const config = await orExit(() => loadConfig(Deno.env.toObject()));
const deps = await openDeps(config);
const { log } = deps;
logUncaught(log);

if (config.ephemeralSecret) {
  log.warn("No SECRET_KEY: tokens are signed with a key that dies with this process.");
}
if (!config.redis) {
  log.warn(
    "No Redis: nothing is cached, and each API process counts requests for its rate limits by itself.",
  );
} else if ((await deps.cache.health()).status === "down") {
  log.warn(
    "Redis cannot be used now: it does not answer, refuses who or what REDIS_URL names, or keeps nothing.",
  );
}
await orExit(() => createFirstAdmin(systemCtx(deps, "start")), log);

const server = await orExit(() =>
  listen("HOST and PORT", {
    hostname: config.host,
    port: config.port,
    onListen: ({ port }) => log.info("listening", { url: `http://localhost:${port}` }),
  }, createApp(deps).fetch), log);

// Out of file descriptors, say. Whoever started it is to start it again: it would live on and hear nobody.
server.finished.catch((error) => {
  log.error("cannot listen any more", errorFields(error));
  Deno.exit(1);
});

runUntilTold(log, DRAIN_MS, async () => {
  await deps.streams.close(); // the server waits for every answer to end
  await server.shutdown();
  await closeDeps(deps);
});
