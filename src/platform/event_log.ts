import { type Fragment, type Sql, transaction, type Tx } from "./db.ts";
import type { LogHorizon } from "./log_horizon.ts";

/** A row of the log. */
export interface LoggedEvent {
  /** Where it stands in the log: grows along it, with gaps. */
  position: number;
  /** For readers to tell repeats by. */
  id: string;
  type: string;
  version: number;
  aggregate_type: string;
  aggregate_id: string;
  /** 1, 2, 3 … among the events of its aggregate. */
  sequence: number;
  /** Whose it is; null for staff only. */
  user_id: string | null;
  actor: string;
  request_id: string | null;
  traceparent: string | null;
  data: Record<string, unknown>;
  occurred_at: string;
}

/** Which events to read; all that is given must hold. */
export interface EventFilter {
  /** Only events behind this position. */
  after: number;
  /** Only events up to this position: never beyond what {@link LogHorizon} calls settled. */
  upTo: number;
  userId?: string;
  limit: number;
}

/** What was read of the log, and up to which position there is nothing else. */
export interface Stretch {
  events: LoggedEvent[];
  reached: number;
}

/**
 * How much of the log is read at a time, as it is stored, or else a single event that is larger. PostgreSQL compresses: an order
 * of a thousand lines is 57 KB of this and 1.3 MB of JSON, and five hundred of those are more than a process may have.
 */
export const MAX_STORED_BYTES = 512 * 1024;

/** How much is stored in the rows of `events` up to each of them. */
export const storedBytes = (sql: Sql | Tx): Fragment =>
  sql`sum(pg_column_size(data)) over (order by position rows unbounded preceding)`;

/** The first `limit` rows of the log that a condition holds for, no more once they are `bytes` as they are stored. */
export const leadingRows = (
  sql: Sql | Tx,
  { condition, limit, bytes }: { condition: Fragment; limit: number; bytes: number },
): Fragment =>
  sql`(
    select * from (
      select *, ${
    storedBytes(sql)
  } as stored_bytes from events where ${condition} order by position limit ${limit}
    ) ahead where stored_bytes - pg_column_size(data) < ${bytes}::bigint)`;

/** Events in the order of the log. There may be more behind them even if they are fewer than `limit`. */
export async function readEvents(
  sql: Sql | Tx,
  { after, upTo, userId, limit }: EventFilter,
): Promise<Stretch> {
  const mine = userId === undefined ? sql`` : sql`and user_id = ${userId}`;
  const condition = sql`position > ${after} and position <= ${upTo} ${mine}`;
  const events = await sql<(LoggedEvent & { stored_bytes: number })[]>`
    select position, id, type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id,
           traceparent, data, occurred_at, stored_bytes
    from ${leadingRows(sql, { condition, limit, bytes: MAX_STORED_BYTES })} events
    order by position`;
  const last = events.at(-1);
  const mayBeMore = last && (events.length === limit || last.stored_bytes >= MAX_STORED_BYTES);
  return { events, reached: mayBeMore ? last.position : upTo };
}

/**
 * Gives a reader its next events: what `work` writes is done once for each, whatever is killed, since it is in the
 * transaction that moves the reader on. What `first` does is done at least once, and before that transaction, where it
 * may call other systems. Of several processes one works at a time; two that began together both come to `first`.
 *
 * @returns how many events there were, and whether there may be more; none also when another process is reading
 */
export async function advanceReader(
  sql: Sql,
  horizon: LogHorizon,
  reader: string,
  limit: number,
  work: (tx: Tx, events: LoggedEvent[]) => Promise<unknown>,
  first: (events: LoggedEvent[]) => Promise<void> | void = () => {},
): Promise<{ count: number; mayBeMore: boolean }> {
  const none = { count: 0, mayBeMore: false };
  const upTo = await horizon.settled();
  const [row] = await sql<{ position: number }[]>`
    select position from log_readers where name = ${reader} and shard = 0 for update skip locked`;
  if (!row || row.position >= upTo) return none;
  const { events, reached } = await readEvents(sql, { after: row.position, upTo, limit });
  await first(events);
  return await transaction(sql, async (tx) => {
    const isNext = await tx`
      select from log_readers where name = ${reader} and shard = 0 and position = ${row.position} for update`;
    if (isNext.length === 0) return none;
    await work(tx, events);
    await tx`
      update log_readers set position = ${reached}, updated_at = now() where name = ${reader} and shard = 0`;
    return { count: events.length, mayBeMore: reached < upTo };
  });
}
