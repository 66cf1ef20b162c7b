import type { Sql } from "./db.ts";
import { DEAD_LETTERS } from "./jobs.ts";

/** Beyond this many, "many" is all that is said. */
const MAX_COUNT = 10_000;

/** How far a reader is behind the log. */
export interface ReaderLag {
  reader: string;
  /** Positions between it and the end of the log: about as many events. */
  lag_events: number;
  /** The age of the oldest event that it has not done; 0 if there is none. */
  lag_seconds: number;
}

/** What waits to be done by workers. Every part is found by an index, or in a table of a few rows. */
export interface Backlog {
  readers: ReaderLag[];
  /** Events that wait for Kafka out of their turn, and those that were given up; no more than 10,000 are counted. */
  outbox: { held: number; dead: number };
  /** As pg-boss last counted them, some five seconds ago. */
  queues: { queue: string; waiting: number; failed: number }[];
  /** The jobs that failed for good. */
  deadLetters: number;
  /** When a worker last looked after the queues; null if none ever did. */
  workerSeenAt: string | null;
  /** Seconds since then, by the database's clock. */
  workerSeenSecondsAgo: number | null;
}

export async function findBacklog(sql: Sql): Promise<Backlog> {
  const [readers, [outbox], rows] = await Promise.all([
    sql<ReaderLag[]>`
      select r.name as reader, greatest(head.position - r.position, 0) as lag_events,
             coalesce(greatest(extract(epoch from now() - (
               select occurred_at from events where position > r.position order by position limit 1
             )), 0), 0)::float8 as lag_seconds
      from (select name, min(position) as position from log_readers group by name) r,
           (select coalesce(max(position), 0) as position from events) head
      order by r.name`,
    sql<Backlog["outbox"][]>`
      select (select count(*) from (select from outbox where status = 'held' limit ${MAX_COUNT}) h) as held,
             (select count(*) from (select from outbox where status = 'dead' limit ${MAX_COUNT}) d) as dead`,
    sql<{ queue: string; waiting: number; failed: number; seen_at: string | null; seconds_ago: number }[]>`
      select name as queue, queued_count as waiting, failed_count as failed,
             max(monitor_claim_on) over () as seen_at,
             extract(epoch from now() - max(monitor_claim_on) over ())::float8 as seconds_ago
      from pgboss.queue where not starts_with(name, '__pgboss') order by name`,
  ]);
  return {
    readers,
    outbox: outbox!,
    queues: rows.filter(({ queue }) => queue !== DEAD_LETTERS)
      .map(({ queue, waiting, failed }) => ({ queue, waiting, failed })),
    deadLetters: rows.find(({ queue }) => queue === DEAD_LETTERS)?.waiting ?? 0,
    workerSeenAt: rows[0]?.seen_at ?? null,
    workerSeenSecondsAgo: rows[0]?.seconds_ago ?? null,
  };
}
