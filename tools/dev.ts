/**
 * `deno task dev`: everything on one machine. Starts PostgreSQL where none is configured, migrates, loads a small
 * catalogue, runs the API and the worker with reload on change, and says what to do next. Ctrl-C ends all of it.
 */

import { existsSync } from "node:fs";
import { join } from "@std/path";
import { loadConfig } from "../src/config.ts";
import { closeDeps, openDeps, systemCtx } from "../src/deps.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { orExit } from "../src/process.ts";
import { loadDemoCatalogue } from "./demo_catalogue.ts";
import { loadExampleTrade } from "./demo_trade.ts";
import { prepareDatabase } from "./prepare_database.ts";
import { startServices } from "./services.ts";
import { PRODUCTION_FLAGS, supervise } from "./supervise.ts";

const READY_POLL_MS = 50;
/** Commercial invoices name one. */
const DEMO_SELLER = {
  SELLER_NAME: "Waybill Demo Shop",
  SELLER_ADDRESS: "Musterstraße 1 | 20457 Hamburg | Germany",
};

readEnvFile();
const dataDir = Deno.env.get("DATA_DIR") || ".data";
const port = Deno.env.get("PORT") || "8000";
const settings: Record<string, string> = { ...localSettings(dataDir), ...ownSettings(), PORT: port };
// Before anything is started; the database may be one that is still to be made.
await orExit(() => loadConfig({ DATABASE_URL: "postgres://localhost", ...settings }));
refuseTakenPort(Number(port));

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => stopping.abort());
}

const services = await startServices({ purpose: "dev", env: Deno.env.toObject() });
try {
  const env = { ...settings, DATABASE_URL: services.databaseUrl };
  await prepareDatabase(services.databaseUrl);
  const deps = await openDeps(loadConfig({ ...env, LOG_LEVEL: "warn" }));
  const products = await loadDemoCatalogue(systemCtx(deps, "demo"));
  const destinations = await loadExampleTrade(systemCtx(deps, "demo"));
  await closeDeps(deps);
  if (products > 0) console.log(`Catalogue: loaded ${products} demo products`);
  if (destinations > 0) console.log(`Trade: loaded example rates and laws of ${destinations} destinations`);
  if (!stopping.signal.aborted) {
    // Its health page takes any free port: two copies on one machine must not meet.
    const worker = run("workers/main.ts", { ...env, WORKER_PORT: Deno.env.get("WORKER_PORT") || "0" });
    await Promise.all([runApi(env), worker]);
  }
} finally {
  await services.stop();
}

/** A process as production runs it, restarted when a file of it changes; until Ctrl-C, or until we are killed. */
function run(script: string, env: Record<string, string>): Promise<unknown> {
  const child = supervise({
    command: Deno.execPath(),
    args: [
      "run",
      "--watch",
      "--no-clear-screen",
      ...PRODUCTION_FLAGS,
      script,
    ],
    env,
    directory: Deno.cwd(),
    stopSignal: "INT", // after SIGTERM the watcher would wait for a file to change
  });
  stopping.signal.addEventListener("abort", () => child.stop());
  return child.exited;
}

async function runApi(env: Record<string, string>): Promise<void> {
  const ended = run("src/main.ts", env);
  const url = `http://localhost:${env.PORT}`;
  if (await answers(`${url}/health`, ended)) console.log(welcome(url, env));
  await ended;
}

async function answers(url: string, ended: Promise<unknown>): Promise<boolean> {
  let over = false;
  ended.then(() => over = true);
  while (!over && !stopping.signal.aborted) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  return false;
}

/** What a local installation needs and nobody set: made once and kept beside the data, so that tokens outlive a restart. */
function localSettings(directory: string): Record<string, string> {
  const file = join(directory, "local.json");
  if (!existsSync(file)) {
    Deno.mkdirSync(directory, { recursive: true });
    const secret = () => crypto.getRandomValues(new Uint8Array(36)).toBase64({ alphabet: "base64url" });
    const settings = {
      SECRET_KEY: secret(),
      ADMIN_EMAIL: "admin@waybill.local",
      ADMIN_PASSWORD: secret().slice(0, 20),
    };
    Deno.writeTextFileSync(file, JSON.stringify(settings, null, 2), { mode: 0o600 });
  }
  const seller = Deno.env.get("SELLER_NAME") || Deno.env.get("SELLER_ADDRESS") ? {} : DEMO_SELLER;
  return {
    APP_ENV: "local",
    LOG_FORMAT: "text",
    // A developer's own server is the first to be told.
    WEBHOOK_ALLOW_PRIVATE_ADDRESSES: "true",
    ...seller,
    ...JSON.parse(Deno.readTextFileSync(file)),
  };
}

/** What the environment says; what is empty there, as in a copy of .env.example, says nothing. */
function ownSettings(): Record<string, string> {
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([, value]) => value !== ""));
}

function refuseTakenPort(port: number): void {
  try {
    Deno.listen({ port }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    console.error(`Port ${port} is taken. Run a second copy with another PORT and DATA_DIR.`);
    Deno.exit(1);
  }
}

function welcome(url: string, env: Record<string, string>): string {
  return `
Waybill is up.

  API docs   ${url}/docs
  Database   ${env.DATABASE_URL}
  Admin      ${env.ADMIN_EMAIL}  ${env.ADMIN_PASSWORD}

A first order, to paste into another terminal:

  API=${url}/v1
  curl -s $API/register -H 'Content-Type: application/json' \\
    -d '{"email":"ada@example.com","password":"first-order-47-lanterns","name":"Ada"}'
  TOKEN=$(curl -s $API/token -d grant_type=password -d username=ada@example.com \\
    -d password=first-order-47-lanterns | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  ORDER=$(curl -s $API/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -H 'Idempotency-Key: my-first-order' -d '{"items":[{"sku":"MUG-BLUE","quantity":2}],"currency":"EUR",
    "shipping_option":"parcel-de",
    "ship_to":{"name":"Ada Lovelace","lines":["Hauptstr. 1"],"city":"Berlin","postal_code":"10115","country":"DE"}}' \\
    | sed 's/^{"id":"\\([^"]*\\)".*/\\1/')
  curl -s $API/orders/$ORDER -H "Authorization: Bearer $TOKEN"; echo
`;
}
