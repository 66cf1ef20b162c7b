import type { Sql } from "./db.ts";

const MAX_STEP = 10_000;

/**
 * How far the log can be read without ever skipping an event: up to here every position is visible or will never
 * be. Positions are drawn before their transactions commit, so a naive reader of `position > n` would pass by one
 * that commits late (see migrations/0007_log.sql).
 *
 * Positions that follow each other without a gap are settled at once. A gap is settled once every transaction that
 * ran when it was seen has ended.
 */
export class LogHorizon {
  readonly #sql: Sql;
  #settled: number | undefined;
  /** A gap below `seen`: it is empty for good once no transaction below `xmax` runs. */
  #gap: { seen: number; xmax: bigint } | undefined;
  #underWay: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The highest settled position, looked up after this call began. Calls at the same time share one look. */
  async settled(): Promise<number> {
    if (!this.#underWay) return await this.#look();
    // The look that is under way may have begun before the caller's own commit: take part in the next one.
    this.#next ??= this.#underWay.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#look();
    });
    return await this.#next;
  }

  async #look(): Promise<number> {
    this.#underWay = this.#advance();
    try {
      return await this.#underWay;
    } finally {
      this.#underWay = undefined;
    }
  }

  async #advance(): Promise<number> {
    let settled = this.#settled ??= await this.#begin();
    for (;;) {
      const before = settled;
      const [row] = await this.#sql<{ unbroken: number; seen: number; xmin: string; xmax: string }[]>`
        select coalesce(max(position) filter (where position = ${before}::bigint + turn), ${before}::bigint) as unbroken,
               coalesce(max(position), ${before}::bigint) as seen,
               pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
               pg_snapshot_xmax(pg_current_snapshot())::text as xmax
        from (select position, row_number() over (order by position) as turn from (
          select position from events where position > ${before}::bigint order by position limit ${MAX_STEP}
        ) ahead) ahead`;
      const { unbroken, seen, xmin, xmax } = row!;
      settled = unbroken;
      if (this.#gap && BigInt(xmin) >= this.#gap.xmax) {
        settled = Math.max(settled, this.#gap.seen);
        this.#gap = undefined;
      }
      if (settled < seen) this.#gap ??= { seen, xmax: BigInt(xmax) };
      this.#settled = settled;
      const sawTheEnd = seen - before < MAX_STEP && settled === seen;
      if (settled === before || sawTheEnd) return settled;
    }
  }

  /** Whatever a reader has passed was settled. */
  async #begin(): Promise<number> {
    const [row] = await this.#sql<{ position: number }[]>`select max(position) as position from log_readers`;
    return row!.position;
  }
}
