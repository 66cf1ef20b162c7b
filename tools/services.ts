/**
 * What a developer's machine may lack: a PostgreSQL, and for the tests a Redis, a Kafka and a mock of Stripe. Those that
 * the environment names are used; else they are started here, on free ports, and end with this process.
 */

import type { RedisConfig } from "../src/config.ts";
import { inDatabase, withConnection } from "./database_admin.ts";
import { startThrowAwayKafka } from "./embedded_kafka.ts";
import { startLastingPostgres, startThrowAwayPostgres } from "./embedded_postgres.ts";
import { startThrowAwayRedis } from "./embedded_redis.ts";
import { startStripeMock } from "./stripe_mock.ts";

/** The services of one run. */
export interface Services {
  /** For `dev` the database to work in; for `test` a superuser's (or at least one that may create databases). */
  databaseUrl: string;
  redis: RedisService;
  kafka: KafkaService;
  stripe: StripeService;
  /** Ends what was started here. A second call waits for the first. */
  stop(): Promise<void>;
}

/** A Redis over TCP, one over HTTP, or why there is none. */
type RedisService = RedisConfig | { kind: "none"; reason: string };

/** A Kafka, as `host:port,host:port`, or why there is none. */
type KafkaService =
  | { kind: "tcp"; bootstrapServers: string }
  | { kind: "none"; reason: string };

/** Stripe's mock of its API, or why there is none. */
type StripeService =
  | { kind: "http"; url: string }
  | { kind: "none"; reason: string };

/** What to bring up: lasting data for `dev`, fast and throw-away ones for `test`. */
export interface ServicesOptions {
  purpose: "dev" | "test";
  /** DATABASE_URL, DATA_DIR, REDIS_URL, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN, KAFKA_BOOTSTRAP_SERVERS. */
  env: Record<string, string | undefined>;
  /** Says in a line what was found or started where that is worth knowing. */
  say?: (line: string) => void;
}

/** Two processes that start at once must not both find the database missing. */
const CREATE_LOCK_KEY = 871_402_934;

interface Started {
  stop(): Promise<void>;
}

/** Finds or starts the services side by side, and cleans up if one of them fails. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const started: Started[] = [];
  let stopped: Promise<unknown> | undefined;
  const stop = async () => {
    stopped ??= Promise.all(started.map((service) => service.stop()));
    await stopped;
  };
  const searches = [
    findDatabase(options, started),
    findRedis(options, started),
    findKafka(options, started),
    findStripe(options, started),
  ] as const;
  try {
    const [databaseUrl, redis, kafka, stripe] = await Promise.all(searches);
    return { databaseUrl, redis, kafka, stripe, stop };
  } catch (error) {
    await Promise.allSettled(searches);
    await stop();
    throw error;
  }
}

async function findDatabase(options: ServicesOptions, started: Started[]): Promise<string> {
  const { purpose, env, say = console.log } = options;
  if (env.DATABASE_URL) return env.DATABASE_URL;
  const server = purpose === "dev"
    ? await startLastingPostgres(env.DATA_DIR || ".data", say)
    : await startThrowAwayPostgres(say);
  started.push(server);
  return purpose === "dev" ? await ensureDatabase(server.url, "waybill") : server.url;
}

async function ensureDatabase(adminUrl: string, name: string): Promise<string> {
  await withConnection(adminUrl, async (sql) => {
    await sql`select pg_advisory_lock(${CREATE_LOCK_KEY})`;
    const [found] = await sql`select from pg_database where datname = ${name}`;
    if (!found) await sql`create database ${sql(name)}`;
  });
  return inDatabase(adminUrl, name);
}

/** The tests need logical databases, which Redis over HTTP does not have. */
async function findRedis(options: ServicesOptions, started: Started[]): Promise<RedisService> {
  const { purpose, env } = options;
  if (env.REDIS_URL) return { kind: "tcp", url: env.REDIS_URL };
  if (purpose === "dev") {
    const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env;
    if (url && token) return { kind: "http", url, token };
    return { kind: "none", reason: "no REDIS_URL and no UPSTASH_REDIS_REST_URL" };
  }
  const redis = await startThrowAwayRedis();
  if (!redis) return { kind: "none", reason: "no REDIS_URL and no redis-server on the PATH" };
  started.push(redis);
  return { kind: "tcp", url: redis.url };
}

/** Developing needs no Kafka: there it is used only where the environment names one. */
async function findKafka(options: ServicesOptions, started: Started[]): Promise<KafkaService> {
  const { purpose, env, say } = options;
  if (env.KAFKA_BOOTSTRAP_SERVERS) return { kind: "tcp", bootstrapServers: env.KAFKA_BOOTSTRAP_SERVERS };
  if (purpose === "dev") return { kind: "none", reason: "no KAFKA_BOOTSTRAP_SERVERS" };
  const kafka = await startThrowAwayKafka(say);
  if ("reason" in kafka) return { kind: "none", reason: kafka.reason };
  started.push(kafka);
  return { kind: "tcp", bootstrapServers: kafka.bootstrapServers };
}

/** Only for the tests, and never one that the environment names: that may move money. */
async function findStripe({ purpose, say }: ServicesOptions, started: Started[]): Promise<StripeService> {
  if (purpose === "dev") return { kind: "none", reason: "developing needs none" };
  const stripe = await startStripeMock(say);
  if ("reason" in stripe) return { kind: "none", reason: stripe.reason };
  started.push(stripe);
  return { kind: "http", url: stripe.url };
}
