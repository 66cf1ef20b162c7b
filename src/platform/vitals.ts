import type { Config } from "../config.ts";
import { type Backlog, findBacklog, type ReaderLag } from "./backlog.ts";
import type { BreakerState } from "./breaker.ts";
import type { Cache, CacheHealth } from "./cache.ts";
import type { Sql } from "./db.ts";
import { checkKafka } from "./kafka.ts";
import { errorFields, type Log } from "./log.ts";
import { Recent, within } from "./recent.ts";

const DATABASE_TIMEOUT_MS = 1000;
const KAFKA = { maxAgeMs: 10_000, timeoutMs: 3000 };
/** Each look logs in, which a mail server may not like often. */
const SMTP = { maxAgeMs: 60_000, timeoutMs: 3000 };
const BACKLOG = { maxAgeMs: 5000, timeoutMs: 1500 };
/** A worker looks after the queues every five seconds. */
const WORKER_ALIVE_SECONDS = 30;
/** What the last migration that this release needs is called in `schema_migrations`. */
const LAST_MIGRATION = Array.from(
  Deno.readDirSync(new URL("../../migrations/", import.meta.url)),
  ({ name }) => name,
).filter((name) => name.endsWith(".sql")).sort().at(-1)!.replace(".sql", "");

/** How the breakers before a payment provider stand in this process: that of its refunds, and that of all else. */
export interface ProviderBreakers {
  provider: string;
  breaker: BreakerState;
  refund_breaker: BreakerState;
}

/** How a process and what it depends on are doing. */
export interface Health {
  /** `degraded`: it answers, but without its cache, or what follows has to wait. */
  status: "ok" | "degraded" | "down";
  dependencies: {
    database: { status: "up" | "down"; latency_ms?: number };
    redis: CacheHealth;
    /** Requests never wait for it: events stay in the log until it takes them. */
    kafka: { status: "up" | "down" | "not_used"; latency_ms?: number };
    /** Nor for it: mails are jobs. */
    smtp: { status: "up" | "down" | "not_used"; latency_ms?: number };
    /** Up if any worker process was seen in the last 30 s; the database knows. */
    workers: { status: "up" | "down" | "unknown"; last_seen_at?: string };
  };
  /** They say nothing of `status`: what is open stays so until somebody pays again. */
  payment_providers: ProviderBreakers[];
  /** Empty while the database cannot be asked. */
  event_log: ReaderLag[];
}

/** Looks after the pulse of a process, never often, never long: whoever asks cannot make work for the database. */
export class Vitals {
  readonly #config: Config;
  readonly #sql: Sql;
  readonly #cache: Cache;
  readonly #breakers: () => ProviderBreakers[];
  readonly #backlog: Recent<Backlog>;
  readonly #kafka: Recent<Health["dependencies"]["kafka"]>;
  readonly #smtp: Recent<Health["dependencies"]["smtp"]>;
  readonly #log: Log;
  #databaseWasDown = false;

  constructor(
    config: Config,
    sql: Sql,
    cache: Cache,
    breakers: () => ProviderBreakers[],
    checkMailer: () => Promise<Health["dependencies"]["smtp"]>,
    log: Log,
  ) {
    this.#log = log;
    this.#config = config;
    this.#sql = sql;
    this.#cache = cache;
    this.#breakers = breakers;
    this.#backlog = new Recent(() => this.#findBacklog(), BACKLOG);
    const { kafka } = config;
    this.#kafka = new Recent(async () => kafka ? await checkKafka(kafka) : { status: "not_used" }, KAFKA);
    this.#smtp = new Recent(checkMailer, SMTP);
  }

  /** What waits to be done, as it was in the last five seconds; undefined if the database does not say. */
  backlog(): Promise<Backlog | undefined> {
    return this.#backlog.get();
  }

  /**
   * Does the database answer within a second, and how fast? To us it is down until it is migrated. Why it is down is
   * logged once: where nobody is sent requests, nothing else would tell.
   */
  async database(): Promise<Health["dependencies"]["database"]> {
    const start = performance.now();
    try {
      const look = this.#sql`select from schema_migrations where name = ${LAST_MIGRATION}`;
      const [migrated] = await within(look, DATABASE_TIMEOUT_MS);
      if (!migrated) return this.#databaseIsDown("the database lacks migrations that this release needs");
      if (this.#databaseWasDown) this.#log.info("the database can be used again", { dependency: "database" });
      this.#databaseWasDown = false;
      return { status: "up", latency_ms: Math.round((performance.now() - start) * 10) / 10 };
    } catch (error) {
      return this.#databaseIsDown("the database cannot be used", error);
    }
  }

  #databaseIsDown(why: string, error?: unknown): { status: "down" } {
    if (!this.#databaseWasDown) {
      this.#log.warn(why, { ...error !== undefined && errorFields(error), dependency: "database" });
    }
    this.#databaseWasDown = true;
    return { status: "down" };
  }

  /** Did Kafka answer in the last ten seconds? */
  async kafka(): Promise<Health["dependencies"]["kafka"]> {
    return await this.#kafka.get() ?? { status: "down" };
  }

  /** Did the mail server answer in the last minute? */
  async smtp(): Promise<Health["dependencies"]["smtp"]> {
    return await this.#smtp.get() ?? { status: "down" };
  }

  /** Everything that the process depends on. Answers in three seconds at most. */
  async health(): Promise<Health> {
    const [database, redis, kafka, smtp, backlog] = await Promise.all([
      this.database(),
      this.#cache.health(),
      this.kafka(),
      this.smtp(),
      this.backlog(),
    ]);
    const dependencies = { database, redis, kafka, smtp, workers: workersOf(backlog) };
    const isDegraded = Object.values(dependencies).some(({ status }) => status === "down");
    return {
      status: database.status === "down" ? "down" : isDegraded ? "degraded" : "ok",
      dependencies,
      payment_providers: this.#breakers(),
      event_log: backlog?.readers ?? [],
    };
  }

  /** The reader for Kafka stands still where there is no Kafka, and means nothing then. */
  async #findBacklog(): Promise<Backlog> {
    const backlog = await findBacklog(this.#sql);
    return {
      ...backlog,
      readers: backlog.readers.filter(({ reader }) => reader !== "kafka" || this.#config.kafka),
    };
  }
}

function workersOf(backlog: Backlog | undefined): Health["dependencies"]["workers"] {
  if (!backlog) return { status: "unknown" };
  const { workerSeenAt, workerSeenSecondsAgo } = backlog;
  return {
    status: workerSeenSecondsAgo !== null && workerSeenSecondsAgo < WORKER_ALIVE_SECONDS ? "up" : "down",
    last_seen_at: workerSeenAt ?? undefined,
  };
}
