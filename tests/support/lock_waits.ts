import type postgres from "postgres";
import { withConnection } from "../../tools/database_admin.ts";
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
 * How many statements of this database PostgreSQL had to end because they waited for each other in a circle. Its processes
 * tell of that when they end, so all are ended first.
 */
export async function countDeadlocks(databaseUrl: string): Promise<number> {
  return await withConnection(databaseUrl, async (sql) => {
    await sql`
      select pg_terminate_backend(pid, 10000) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
    const [row] = await sql<{ count: number }[]>`
      select deadlocks::int as count from pg_stat_database where datname = current_database()`;
    return row!.count;
  });
}
