/** What a measurement needs: a durable PostgreSQL, a Redis, the API as in production, and a shop to order from. */

import { join } from "@std/path";
import postgres from "postgres";
import { loadConfig } from "../src/config.ts";
import { openAccessTokens } from "../src/identity/mod.ts";
import { prepareDatabase } from "../tools/prepare_database.ts";
import { inDatabase, withConnection } from "../tools/database_admin.ts";
import { startLastingPostgres } from "../tools/embedded_postgres.ts";
import { startThrowAwayRedis } from "../tools/embedded_redis.ts";
import { removeTree } from "../tools/files.ts";
import { freePort, PRODUCTION_FLAGS } from "../tools/supervise.ts";
import { fillShop } from "./shop.ts";

export const ROOT = new URL("..", import.meta.url).pathname;
const READY_POLL_MS = 50;
const READY_TIMEOUT_MS = 30_000;

export interface Stage {
  /** The server's own database, for others beside Waybill's. */
  adminUrl: string;
  databaseUrl: string;
  redisUrl: string | undefined;
  sql: postgres.Sql;
  customers: string[];
  skus: string[];
  /** The API as in production, over this database or another of the same server. */
  startApi(databaseUrl?: string): Promise<Server>;
  /** The worker as in production, over this database; `more` adds to its environment. */
  startWorker(more?: Record<string, string>): Promise<Server>;
  /** The environment of these processes. */
  env: Readonly<Record<string, string>>;
  /** Fresh tokens, one for each of these customers: they live for 15 minutes. */
  signTokens(userIds: string[], role?: "customer" | "admin"): Promise<string[]>;
  stop(): Promise<void>;
}

/** A process that answers HTTP. */
export interface Server {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** Starts PostgreSQL with its default, durable settings and Redis, migrates, and fills the shop. */
export async function openStage(say: (line: string) => void): Promise<Stage> {
  const directory = await Deno.makeTempDir({ prefix: "waybill-bench-" });
  await Deno.chmod(directory, 0o755); // as root, PostgreSQL runs as another user
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const each of started.reverse()) await each.stop();
    await removeTree(directory);
  };
  try {
    const server = await startLastingPostgres(directory, say);
    started.push(server);
    await withConnection(server.url, (sql) => sql`create database waybill`);
    const databaseUrl = inDatabase(server.url, "waybill");
    const redis = await startThrowAwayRedis();
    if (redis) started.push(redis);
    await prepareDatabase(databaseUrl, { log: () => {} });
    const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
    started.push({ stop: () => sql.end() });
    const { customers, skus, adminId } = await fillShop(sql);
    const env: Record<string, string> = {
      DATABASE_URL: databaseUrl,
      ...redis && { REDIS_URL: redis.url },
      SECRET_KEY: crypto.getRandomValues(new Uint8Array(36)).toBase64(),
      HOST: "127.0.0.1",
      WORKER_HOST: "127.0.0.1",
      LOG_LEVEL: "info",
      LOG_FORMAT: "json",
      RATE_LIMIT_TIMES: "1000000",
      RATE_LIMIT_STAFF_TIMES: "1000000",
      PAYMENT_SANDBOX: "true",
    };
    let apis = 0;
    const accessTokens = await openAccessTokens(loadConfig(env));
    return {
      adminUrl: server.url,
      databaseUrl,
      redisUrl: redis?.url,
      sql,
      customers,
      skus,
      startApi: (url = databaseUrl) =>
        startServer("src/main.ts", { ...env, DATABASE_URL: url }, join(directory, `api-${++apis}.log`)),
      startWorker: (more = {}) =>
        startServer("workers/main.ts", { ...env, ...more }, join(directory, `worker-${++apis}.log`)),
      env,
      signTokens: (userIds, role = "customer") =>
        Promise.all(
          userIds.map((id) =>
            accessTokens.sign({ userId: role === "admin" ? adminId : id, role }, new Date())
          ),
        ),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The body of an order abroad, of one unit each. */
export function orderOf(skus: string[]) {
  return {
    items: skus.map((sku) => ({ sku, quantity: 1 })),
    currency: "EUR",
    ship_to: { name: "Ada", lines: ["1 High St"], city: "Leeds", postal_code: "LS1 1UR", country: "GB" },
    shipping_option: "standard",
  };
}

/** Places an order of one unit of so many SKUs, whichever they are. */
export async function placeOrder(
  { skus }: Stage,
  { port }: Server,
  token: string,
  lines: number,
): Promise<{ id: string; created_at: string }> {
  const any = () => skus[Math.floor(Math.random() * skus.length)]!;
  const response = await fetch(`http://127.0.0.1:${port}/v1/orders`, {
    method: "POST",
    headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(orderOf(Array.from({ length: lines }, any))),
  });
  const order = await response.json();
  if (!response.ok) {
    throw new Error(`An order was answered with ${response.status}: ${JSON.stringify(order)}`);
  }
  return order;
}

/** Runs a script that serves HTTP on `PORT` with the API's own permissions; its log goes to a file. */
export async function startServer(
  script: string,
  env: Record<string, string>,
  logFile: string,
): Promise<Server> {
  const port = freePort();
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'log=$1; shift; exec "$@" >"$log"',
      "sh",
      logFile,
      Deno.execPath(),
      "run",
      ...PRODUCTION_FLAGS,
      script,
    ],
    cwd: ROOT,
    env: { ...env, PORT: String(port), WORKER_PORT: String(port) },
    stdin: "null",
  }).spawn();
  let exited = false;
  const ended = child.status.then(() => exited = true);
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!exited && !(await answers(port))) {
    if (performance.now() > deadline) child.kill("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  if (exited) throw new Error(`${script} did not start.`);
  return {
    port,
    pid: child.pid,
    async stop() {
      if (!exited) child.kill("SIGTERM");
      await ended;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ?? false;
}
