import type postgres from "postgres";
import { cutConnections, type TestApp } from "./app.ts";
import { until } from "./until.ts";

/**
 * Waits until so many statements of this database wait for a lock, and gives their processes.
 *
 * @param sql the transaction that holds the lock, too
 * @param text what those statements have in their text
 */
export async function untilWaiting(
  sql: postgres.ISql,
  { count = 1, text = "" }: { count?: number; text?: string } = {},
): Promise<number[]> {
  return await until(async () => {
    await sql`select pg_stat_clear_snapshot()`; // a transaction would look at what it saw first
    const waiting = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like ${`%${text}%`}`;
    return waiting.length >= count && waiting.map(({ pid }) => pid);
  }, `${count} wait for a lock`);
}

/**
 * How many statements PostgreSQL had to end because they waited for each other in a circle. Its processes tell of that when
 * they end, so all of this app are ended first.
 */
export async function countDeadlocks(app: TestApp): Promise<number> {
  await cutConnections(app);
  const [row] = await app.deps.sql<{ count: number }[]>`
    select deadlocks::int as count from pg_stat_database where datname = current_database()`;
  return row!.count;
}
