import type { z } from "@hono/zod-openapi";
import { type JobInsert, type JobWithMetadata, PgBoss } from "pg-boss";
import type { Bell } from "./bell.ts";
import type { Tx } from "./db.ts";
import type { Lane } from "../settings.ts";
import { activeTraceparent } from "./tracing.ts";

/**
 * `transaction`: the handler works in the transaction that fetches and completes the job, so that a kill undoes both
 * and repeats nothing. `outside`: it calls other systems; a killed one is done again after its heartbeat ends.
 */
export type Work = "transaction" | "outside";

/** How a job is done and what happens when it fails. Times in seconds. */
export interface JobPolicy<Kind extends Work = Work> {
  /** Of which kind its handler must be: workers/lanes.ts does not compile with another. */
  work: Kind;
  /** How many are done at a time: together in one transaction, or else side by side. */
  batchSize?: number;
  /** Attempts after the first; then it goes to the dead letters. */
  retryLimit: number;
  /** The wait before the first retry. It doubles each time, with jitter. */
  retryDelay: number;
  retryDelayMax: number;
  /** How long one attempt may take. */
  timeLimit: number;
  /** How long a worker may be silent before its job counts as abandoned (`outside` only; at least 10). */
  heartbeat?: number;
  /** At most one of it waits or runs; sending another does nothing. */
  exclusive?: boolean;
  /** No job waits for a slow one's end, and no group of them gets more than a quarter of a worker's places (`outside` only). */
  fair?: boolean;
}

/**
 * The policy of what a clock asks for again and again: one that waits or runs is enough. One whose worker was killed is
 * done again, so only one that fails time after time is a dead letter.
 */
export const ROUND = {
  work: "outside",
  retryLimit: 3,
  retryDelay: 1,
  retryDelayMax: 10,
  exclusive: true,
} as const;

/** The policy of what follows from an order and only works on the database: many are done at a time. */
export const TOGETHER = {
  work: "transaction",
  batchSize: 100,
  retryLimit: 5,
  retryDelay: 2,
  retryDelayMax: 300,
  timeLimit: 30,
} as const;

/** A kind of job: its name (`domain.verb`), the shape of its data, and its policy. */
export interface JobType<
  Name extends string = string,
  Schema extends z.ZodType = z.ZodType,
  Kind extends Work = Work,
> {
  name: Name;
  lane: Lane;
  schema: Schema;
  policy: JobPolicy<Kind>;
}

export function defineJob<
  const Name extends `${string}.${string}`,
  Schema extends z.ZodType,
  const Kind extends Work,
>(
  name: Name,
  lane: Lane,
  schema: Schema,
  policy: JobPolicy<Kind>,
): JobType<Name, Schema, Kind> {
  return { name, lane, schema, policy };
}

/** Where jobs end that failed for good. Nobody works there: staff look at them, and send them back or not. */
export const DEAD_LETTERS = "dead_letters";

/** How long finished jobs and dismissed dead letters stay, in seconds. */
const KEEP_DONE = 3 * 86_400;
/** pg-boss forgets what waits longer. Nobody makes a job a second time, so that is never: it may be somebody's money. */
const KEEP_WAITING = 10 * 365 * 86_400;
/**
 * After so many changes PostgreSQL looks again (once a minute at the most) which jobs there are. By its own rule that is a
 * tenth of all that are kept; until then, a kind of which it saw none is taken to have none, and each fetch reads all.
 */
const ANALYZE_AFTER = 1000;
/** How long an answer of the database is waited for: a connection that is gone without a word would be kept for ever. */
const ANSWER_MS = 60_000;
/** How soon an abandoned job is noticed. */
const SUPERVISE_SECONDS = 5;

export interface EnqueueOptions extends Pick<JobInsert, "startAfter"> {
  /** The trace that each goes on. */
  traceparents?: (string | null)[];
  /** The group that each belongs to, where its job is `fair`. */
  groups?: string[];
}

/** A job's own data, and the trace that it goes on, which is kept beside it. @throws z.ZodError for data of another shape */
export function openJob<Schema extends z.ZodType>(
  job: JobType<string, Schema>,
  stored: object,
): { data: z.output<Schema>; traceparent?: string } {
  const { traceparent, ...data } = stored as { traceparent?: string };
  return { data: job.schema.parse(data), traceparent };
}

/** Jobs in pg-boss, in the same database. Connects at its first use: a process that sends no job needs none of it. */
export class Jobs {
  readonly #databaseUrl: string;
  readonly #bell: Bell;
  #boss: Promise<PgBoss> | undefined;

  constructor(databaseUrl: string, bell: Bell) {
    this.#databaseUrl = databaseUrl;
    this.#bell = bell;
  }

  /**
   * Adds jobs in the caller's transaction; call {@link announce} after its commit. They go on the trace of the caller,
   * or of `traceparents`, which like `groups` are in the order of `data`.
   *
   * @throws z.ZodError for data of another shape
   */
  async enqueue<Schema extends z.ZodType>(
    tx: Tx,
    job: JobType<string, Schema>,
    data: z.input<Schema>[],
    { traceparents, groups, ...options }: EnqueueOptions = {},
  ): Promise<void> {
    if (data.length === 0) return;
    const inserts = data.map((each, i) => ({
      ...options,
      ...groups && { group: { id: groups[i]! } },
      data: { ...job.schema.parse(each) as object, traceparent: traceparents?.[i] ?? activeTraceparent() },
    }));
    await (await this.boss()).insert(job.name, inserts, { db: joining(tx), returnId: false });
  }

  /** Wakes the workers; without it they find new jobs at their next look. */
  announce(): void {
    this.#bell.ring("waybill_jobs");
  }

  /** pg-boss itself, for workers and for looking at queues. */
  async boss(): Promise<PgBoss> {
    this.#boss ??= openBoss(this.#databaseUrl, { max: 2, query_timeout: ANSWER_MS });
    try {
      return await this.#boss;
    } catch (error) {
      this.#boss = undefined;
      throw error;
    }
  }

  /** Opens pg-boss as a worker process needs it: with its clockwork and room for so many jobs at once. */
  async openForWork(connections: number, onError: (error: Error) => void): Promise<PgBoss> {
    this.#boss = openBoss(this.#databaseUrl, {
      supervise: true,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
      schedule: true,
      max: connections,
      query_timeout: ANSWER_MS,
    }, onError);
    return await this.#boss;
  }

  async close(): Promise<void> {
    const boss = await this.#boss?.catch(() => undefined);
    await boss?.stop({ graceful: false, close: true });
  }
}

/** Without its clockwork, and without a look at its schema, unless `options` say otherwise. */
async function openBoss(
  connectionString: string,
  options: ConstructorParameters<typeof PgBoss>[0] & { query_timeout?: number },
  onError: (error: Error) => void = () => {},
): Promise<PgBoss> {
  const without = { migrate: false, supervise: false, schedule: false };
  const boss = new PgBoss({ connectionString, application_name: "waybill-jobs", ...without, ...options });
  // Without a listener a lost connection ends the process. What its workers met comes as a copy that is no Error.
  boss.on("error", (error) => onError(error instanceof Error ? error : Object.assign(new Error(), error)));
  await boss.start();
  return boss;
}

/** pg-boss's statements on our transaction. Strings go as text: pg-boss casts its JSON itself. */
export function joining(tx: Tx) {
  return {
    executeSql: async (text: string, values: unknown[] = []) => ({
      rows: await tx.unsafe(
        text,
        values.map((value) =>
          typeof value === "string" ? tx.typed(value as never, 25) : value ?? null
        ) as never[],
        { prepare: true },
      ) as unknown[],
    }),
  };
}

/** Makes pg-boss's schema and the queues of these jobs, and brings both up to date. */
export async function installJobs(databaseUrl: string, jobs: readonly JobType[]): Promise<void> {
  const boss = await openBoss(databaseUrl, { migrate: true, max: 2 });
  try {
    const kept = { deleteAfterSeconds: KEEP_DONE, retentionSeconds: KEEP_WAITING };
    await boss.createQueue(DEAD_LETTERS, kept);
    await boss.updateQueue(DEAD_LETTERS, kept); // creating a queue that exists changes nothing
    for (const { name, policy } of jobs) {
      const options = {
        retryLimit: policy.retryLimit,
        retryDelay: policy.retryDelay,
        retryBackoff: true,
        retryDelayMax: policy.retryDelayMax,
        expireInSeconds: policy.timeLimit,
        ...policy.heartbeat !== undefined && { heartbeatSeconds: policy.heartbeat },
        deadLetter: DEAD_LETTERS,
        ...kept,
      };
      await boss.createQueue(name, { ...options, policy: policy.exclusive ? "exclusive" : "standard" });
      await boss.updateQueue(name, options);
    }
    await analyzeOften(boss);
  } finally {
    await boss.stop({ graceful: false, close: true });
  }
}

/** Once: it waits for whoever vacuums the table. */
async function analyzeOften(boss: PgBoss): Promise<void> {
  const options = [`autovacuum_analyze_scale_factor=0`, `autovacuum_analyze_threshold=${ANALYZE_AFTER}`];
  await boss.getDb().executeSql(`
    do $$ begin
      if not (select coalesce(reloptions, '{}') @> '{${options}}' from pg_class where oid = 'pgboss.job_common'::regclass) then
        alter table pgboss.job_common set (${options});
      end if;
    end $$`);
}

export type { JobWithMetadata, PgBoss };
