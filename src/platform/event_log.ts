import type { Sql, Tx } from "./db.ts";
import { transaction } from "./db.ts";
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
 * Gives a reader its next events, in the transaction that moves it on: what `work` writes is done once for each event,
 * whatever is killed. Of several processes one reads at a time.
 *
 * @returns how many events there were; 0 also when another process is reading
 */
export async function advanceReader(
  sql: Sql,
  horizon: LogHorizon,
  reader: string,
  limit: number,
  work: (tx: Tx, events: LoggedEvent[]) => Promise<void>,
): Promise<number> {
  const upTo = await horizon.settled();
  return await transaction(sql, async (tx) => {
    const [row] = await tx<{ position: number }[]>`
      select position from log_readers where name = ${reader} and shard = 0 for update skip locked`;
    if (!row || row.position >= upTo) return 0;
    const events = await readEvents(tx, { after: row.position, upTo, limit });
    if (events.length > 0) await work(tx, events);
    const position = events.length < limit ? upTo : events.at(-1)!.position;
    await tx`
      update log_readers set position = ${position}, updated_at = now() where name = ${reader} and shard = 0`;
    return events.length;
  });
}
