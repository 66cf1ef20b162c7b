import type { Sql } from "./db.ts";

const MAX_STEP = 10_000;

/**
 * How far the log can be read without ever skipping an event: up to here every position is visible or will never
 * be. Positions are drawn before their transactions commit, so a naive reader of `position > n` would pass by one
 * that commits late (see migrations/0007_log.sql).
 *
 * Positions that follow each other without a gap are settled at once. A gap is settled once every transaction that
 * had an id when it was seen has ended.
 */
export class LogHorizon {
  readonly #sql: Sql;
  #settled: number | undefined;
  /** Something is missing below `seen`. It will never come once no transaction below `nextXid` runs. */
  #gap: { seen: number; nextXid: bigint } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<number> | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The highest settled position, looked up after this call began. Calls at the same time share one look. */
  settled(): Promise<number> {
    // The look that is under way may have begun before the caller's own commit: take part in the next one.
    return this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      const look = this.#advance();
      this.#last = look.catch(() => {});
      return look;
    });
  }

  /** Goes on as far as the log went at its first look, and not after what is written meanwhile. */
  async #advance(): Promise<number> {
    let settled = this.#settled ?? await this.#begin();
    let goal: number | undefined;
    for (let more = true; more && settled < (goal ?? Infinity);) {
      const look = await this.#look(settled);
      ({ settled, more } = look);
      this.#settled = settled;
      goal ??= look.seen;
    }
    return settled;
  }

  /** `more`: another look may lead further at once. */
  async #look(before: number): Promise<{ settled: number; seen: number; more: boolean }> {
    // The snapshot's own xmax will not do: it is one above the last transaction that *ended*, and whoever holds the
    // gap may have a higher id. age() counts up to the next id that is handed out.
    const [row] = await this.#sql<{ unbroken: number; seen: number; xmin: string; younger: number }[]>`
      select coalesce(max(position) filter (where position = ${before}::bigint + turn), ${before}::bigint) as unbroken,
             coalesce((select max(position) from events), 0) as seen,
             pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
             age(pg_snapshot_xmin(pg_current_snapshot())::xid) as younger
      from (select position, row_number() over (order by position) as turn from (
        select position from events where position > ${before}::bigint order by position limit ${MAX_STEP}
      ) ahead) ahead`;
    const { unbroken, seen } = row!;
    if (seen < before) return { settled: await this.#beginAnew(), seen, more: true };
    const xmin = BigInt(row!.xmin);
    if (this.#gap && this.#gap.seen <= unbroken) this.#gap = undefined;
    if (seen > unbroken) this.#gap ??= { seen, nextXid: xmin + BigInt(row!.younger) };
    if (!this.#gap || xmin < this.#gap.nextXid) {
      return { settled: unbroken, seen, more: unbroken - before === MAX_STEP };
    }
    return { settled: this.#gap.seen, seen, more: true };
  }

  /** The log is shorter than it was: a backup, or a replica that had not heard of all, took the place of the database. */
  async #beginAnew(): Promise<number> {
    this.#gap = undefined;
    return await this.#begin();
  }

  /** Whatever a reader has passed was settled. */
  async #begin(): Promise<number> {
    const [row] = await this.#sql<{ position: number }[]>`
      select coalesce(max(position), 0) as position from log_readers`;
    return row!.position;
  }
}
