import { type Sql, transaction, type Tx } from "../../src/platform/db.ts";

/** What `work` gives, and how many rows of a table it read for that, by an index or not. */
export async function countingRows<T>(
  sql: Sql,
  table: string,
  work: (tx: Tx) => Promise<T>,
): Promise<{ result: T; rows: number }> {
  return await transaction(sql, async (tx) => {
    const readSoFar = async () => {
      const [row] = await tx<{ rows: number }[]>`
        select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
        where relname = ${table}`;
      return row!.rows;
    };
    const before = await readSoFar();
    const result = await work(tx);
    return { result, rows: await readSoFar() - before };
  });
}
