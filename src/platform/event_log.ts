import { type Sql, transaction, type Tx } from "./db.ts";
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
  aggregateType?: string;
  aggregateId?: string;
  limit: number;
}

/** Events in the order of the log. */
export async function readEvents(sql: Sql | Tx, filter: EventFilter): Promise<LoggedEvent[]> {
  return await sql<LoggedEvent[]>`
    select position, id, type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id,
           traceparent, data, occurred_at
    from events
    where position > ${filter.after} and position <= ${filter.upTo}
      ${filter.userId === undefined ? sql`` : sql`and user_id = ${filter.userId}`}
      ${filter.aggregateType === undefined ? sql`` : sql`and aggregate_type = ${filter.aggregateType}`}
      ${filter.aggregateId === undefined ? sql`` : sql`and aggregate_id = ${filter.aggregateId}`}
    order by position limit ${filter.limit}`;
}

/**
 * Gives a reader its next events: what `work` writes is done once for each, whatever is killed, since it is in the
 * transaction that moves the reader on. What `first` does is done at least once, and before that transaction, where it
 * may call other systems. Of several processes one works at a time; two that began together both come to `first`.
 *
 * @returns how many events there were; 0 also when another process is reading
 */
export async function advanceReader(
  sql: Sql,
  horizon: LogHorizon,
  reader: string,
  limit: number,
  work: (tx: Tx, events: LoggedEvent[]) => Promise<unknown>,
  first: (events: LoggedEvent[]) => Promise<void> | void = () => {},
): Promise<number> {
  const upTo = await horizon.settled();
  const [row] = await sql<{ position: number }[]>`
    select position from log_readers where name = ${reader} and shard = 0 for update skip locked`;
  if (!row || row.position >= upTo) return 0;
  const events = await readEvents(sql, { after: row.position, upTo, limit });
  if (events.length > 0) await first(events);
  return await transaction(sql, async (tx) => {
    const isNext = await tx`
      select from log_readers where name = ${reader} and shard = 0 and position = ${row.position} for update`;
    if (isNext.length === 0) return 0;
    if (events.length > 0) await work(tx, events);
    const position = events.length < limit ? upTo : events.at(-1)!.position;
    await tx`
      update log_readers set position = ${position}, updated_at = now() where name = ${reader} and shard = 0`;
    return events.length;
  });
}
