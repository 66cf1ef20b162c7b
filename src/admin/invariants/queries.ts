import { sqlState, type Tx } from "../../platform/db.ts";
import type { Break, Invariant } from "./invariant.ts";

/** Most likely of /dev/shm, by which parallel workers share their hashes: in a container it has 64 MB, unless told. */
const DISK_FULL = "53100";

/** A moment of the database, for other connections to look at the same one. */
export type Snapshot = string;

/**
 * Lets the transaction, which did nothing yet, only read, and as of one moment: `snapshot`, or else now. It plans for
 * reading whole tables, unlike the rest of Waybill's statements, and takes its time. It reads pages itself: to have
 * PostgreSQL's I/O workers fetch what the system has cached costs more than it spares.
 *
 * @returns the moment; it can be shared while this transaction runs
 */
export async function readMoment(tx: Tx, snapshot?: Snapshot): Promise<Snapshot> {
  await tx`set transaction isolation level repeatable read, read only`;
  if (snapshot) await tx.unsafe(`set transaction snapshot '${snapshot}'`);
  await tx`
    select set_config(name, value, true)
    from (values ('plan_cache_mode', 'auto'), ('enable_seqscan', 'on'), ('enable_hashjoin', 'on'), ('enable_mergejoin', 'off'),
                 ('work_mem', '256MB'), ('effective_io_concurrency', '0'),
                 ('idle_in_transaction_session_timeout', '0')) as setting (name, value)`;
  if (snapshot) return snapshot;
  const [exported] = await tx<{ snapshot: Snapshot }[]>`select pg_export_snapshot() as snapshot`;
  return exported!.snapshot;
}

/** How many rows break an invariant, and the first `examples` of them. */
export async function findBreaks(
  tx: Tx,
  invariant: Invariant,
  now: Date,
  examples: number,
): Promise<{ breaks: number; examples: Break[] }> {
  const look = (workers: number) =>
    tx.savepoint(async (inner) => {
      await inner`select set_config('max_parallel_workers_per_gather', ${String(workers)}, true)`;
      const [row] = await inner<{ breaks: number; examples: Break[] }[]>`
        with broken as materialized (${invariant.broken(inner, now)})
        select (select count(*) from broken)::int as breaks,
               (select coalesce(json_agg(found), '[]') from (
                 select id, what from broken limit ${examples}::int) found) as examples`;
      return row!;
    });
  if (invariant.isFinelyGrouped) return await look(0);
  return await look(2).catch((error) => {
    if (sqlState(error) !== DISK_FULL) throw error;
    return look(0);
  });
}

/** How many rows a table has. */
export async function countRows(tx: Tx, table: string): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*) as count from ${tx(table)}`;
  return row!.count;
}
