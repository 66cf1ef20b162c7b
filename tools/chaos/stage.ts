/** What chaos is made in: real servers, and the processes of Waybill, which are started again whenever they end. */

import { setTimeout as delay } from "node:timers/promises";
import { join } from "@std/path";
import { Bell } from "../../src/platform/bell.ts";
import { openDatabase, type Sql } from "../../src/platform/db.ts";
import { Jobs } from "../../src/platform/jobs.ts";
import { fillShop, type Shop } from "../../bench/shop.ts";
import { inDatabase, withConnection } from "../database_admin.ts";
import { type KafkaServer, startThrowAwayKafka } from "../embedded_kafka.ts";
import { startThrowAwayPostgres } from "../embedded_postgres.ts";
import { removeTree } from "../files.ts";
import { prepareDatabase } from "../prepare_database.ts";
import { freePort, PRODUCTION_FLAGS } from "../supervise.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** The name of the consumer whose effects are counted. */
export const CONSUMER_GROUP = "chaos";
/** The kinds of things whose topics it follows. */
export const CONSUMED_KINDS = ["order", "inventory", "product", "user"];
const RESTART_MS = 50;
const READY_POLL_MS = 50;
const LOGGED_ERROR = /^\{"level":(50|60),/;
const MAX_ERRORS = 5;

export interface Stage {
  sql: Sql;
  jobs: Jobs;
  shop: Shop;
  env: Record<string, string>;
  apiUrl: string;
  processes: Record<"api" | "worker" | "consumer", KeptAlive>;
  /** Undefined where the machine has none; then that fault is left out. */
  redis: { kill(): Promise<void>; restart(): Promise<void> } | undefined;
  kafka: KafkaServer | undefined;
  missing: string[];
  /** The first few errors that the processes logged. */
  errors(): Promise<string[]>;
  stop(): Promise<void>;
}

/** A process that is there again shortly after whatever ended it. */
export interface KeptAlive {
  kills: number;
  /** kill -9, now. */
  kill(): void;
  stop(): Promise<void>;
}

export async function openStage(say: (line: string) => void): Promise<Stage> {
  const directory = await Deno.makeTempDir({ prefix: "waybill-chaos-" });
  const stops: (() => Promise<unknown>)[] = [() => removeTree(directory)];
  const stop = async () => {
    for (const each of stops.reverse()) await each();
  };
  const missing: string[] = [];
  try {
    const [server, broker, redis] = await Promise.all([
      startThrowAwayPostgres(say),
      startThrowAwayKafka(say),
      startRedis(),
    ]);
    stops.push(() => server.stop());
    const kafka = "reason" in broker ? undefined : broker;
    if ("reason" in broker) missing.push(`Kafka: ${broker.reason}`);
    else stops.push(() => broker.stop());
    if (redis) stops.push(() => redis.kill());
    else missing.push("Redis: no redis-server on the PATH");

    await withConnection(server.url, (sql) => sql`create database waybill`);
    const databaseUrl = inDatabase(server.url, "waybill");
    await prepareDatabase(databaseUrl, { log: () => {} });
    const sql = openDatabase({ databaseUrl, databasePoolSize: 4 });
    stops.push(() => sql.end({ timeout: 5 }));
    const bell = new Bell(sql, databaseUrl);
    stops.push(() => bell.close());
    const jobs = new Jobs(databaseUrl, bell);
    stops.push(() => jobs.close());
    const shop = await fillShop(sql as never);
    const port = freePort();
    const env: Record<string, string> = {
      DATABASE_URL: databaseUrl,
      ...redis && { REDIS_URL: redis.url },
      ...kafka && { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers },
      SECRET_KEY: crypto.getRandomValues(new Uint8Array(36)).toBase64(),
      HOST: "127.0.0.1",
      PORT: String(port),
      WORKER_HOST: "127.0.0.1",
      WORKER_PORT: "0",
      LOG_LEVEL: "info",
      RATE_LIMIT_TIMES: "1000000",
      RATE_LIMIT_STAFF_TIMES: "1000000",
      ORDER_EXPIRATION_MINUTES: "1",
      QUOTE_VALID_MINUTES: "1",
      PAYMENT_SANDBOX: "true",
    };
    const keep = (script: string, args: string[] = []) => {
      const kept = keepAlive(script, args, env, join(directory, `${script.replaceAll("/", "-")}.log`));
      stops.push(() => kept.stop());
      return kept;
    };
    const processes = {
      api: keep("src/main.ts"),
      worker: keep("workers/main.ts"),
      consumer: kafka ? keep("tools/consume.ts", ["--group", CONSUMER_GROUP]) : NOBODY,
    };
    const apiUrl = `http://127.0.0.1:${port}`;
    while (!(await fetch(`${apiUrl}/health/ready`).then((r) => r.ok, () => false))) {
      await delay(READY_POLL_MS);
    }
    return {
      sql,
      jobs,
      shop,
      env,
      apiUrl,
      processes,
      redis,
      kafka,
      missing,
      errors: () => loggedErrors(directory),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function loggedErrors(directory: string): Promise<string[]> {
  const errors: string[] = [];
  for await (const { name } of Deno.readDir(directory)) {
    const lines = (await Deno.readTextFile(join(directory, name))).split("\n");
    const logged = lines.filter((line) => LOGGED_ERROR.test(line)).slice(0, MAX_ERRORS);
    errors.push(...logged.map((line) => `${name}: ${line}`));
  }
  return errors;
}

const NOBODY: KeptAlive = { kills: 0, kill() {}, stop: () => Promise.resolve() };

function keepAlive(script: string, args: string[], env: Record<string, string>, logFile: string): KeptAlive {
  let child: Deno.ChildProcess;
  let stopping = false;
  const start = () => {
    child = new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >>"$log" 2>&1',
        "sh",
        logFile,
        Deno.execPath(),
        "run",
        ...PRODUCTION_FLAGS,
        script,
        ...args,
      ],
      cwd: ROOT,
      env,
      stdin: "null",
    }).spawn();
    child.status.then(async () => {
      await delay(RESTART_MS);
      if (!stopping) start();
    });
  };
  start();
  return {
    kills: 0,
    kill() {
      this.kills++;
      signal(child, "SIGKILL");
    },
    async stop() {
      stopping = true;
      signal(child, "SIGTERM");
      await child.status;
    },
  };
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch { /* it has ended by itself a moment ago */ }
}

async function startRedis() {
  const port = freePort();
  let child: Deno.ChildProcess | undefined;
  const start = async () => {
    child = new Deno.Command("redis-server", {
      args: ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    while (
      !(await Deno.connect({ hostname: "127.0.0.1", port }).then((c) => (c.close(), true), () => false))
    ) {
      await delay(READY_POLL_MS);
    }
  };
  try {
    await start();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    restart: start,
    async kill() {
      signal(child!, "SIGKILL");
      await child!.status;
    },
  };
}
