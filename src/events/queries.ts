import type { Fragment, Sql } from "../platform/db.ts";
import type { LoggedEvent } from "../platform/event_log.ts";

/** Which events; all that is given must hold. */
export interface ScanFilter {
  after: number;
  upTo: number;
  userId?: string;
  types?: string[];
  aggregate?: { type: string; id: string };
  limit: number;
  /** How many events at the most are looked at for their type. */
  scanLimit: number;
}

/** What a scan found, and up to which position it has looked at everything. */
export interface Scan {
  events: LoggedEvent[];
  scannedTo: number;
}

/** Events in the order of the log. Looks at few rows whatever the filter is, so it may end before `upTo`. */
export async function scanEvents(sql: Sql, filter: ScanFilter): Promise<Scan> {
  const scanLimit = filter.types ? filter.scanLimit : filter.limit;
  const rows = await sql<(Partial<LoggedEvent> & { scanned: number; scanned_to: number })[]>`
    with scanned as materialized (
      select position, type from events where ${rangeOf(sql, filter)} order by position limit ${scanLimit}
    ), found as (
      select position from scanned
      ${filter.types ? sql`where type = any(${filter.types}::text[])` : sql``}
      order by position limit ${filter.limit}
    )
    select s.scanned, s.scanned_to, e.position, e.id, e.type, e.version, e.aggregate_type, e.aggregate_id, e.sequence,
           e.user_id, e.actor, e.request_id, e.traceparent, e.data, e.occurred_at
    from (select count(*)::int as scanned, max(position) as scanned_to from scanned) s
    left join (found join events e using (position)) on true
    order by e.position`;
  const { scanned, scanned_to } = rows[0]!;
  const events = rows.filter((row) => row.position !== null) as (typeof rows[0] & LoggedEvent)[];
  if (events.length === filter.limit) return { events, scannedTo: events.at(-1)!.position };
  return { events, scannedTo: scanned === scanLimit ? scanned_to : filter.upTo };
}

/** What one index serves: one aggregate's events, one user's, or the whole log. */
function rangeOf(sql: Sql, { after, upTo, userId, aggregate }: ScanFilter): Fragment {
  const mine = userId === undefined ? sql`` : sql`and user_id = ${userId}`;
  if (aggregate === undefined) return sql`position > ${after} and position <= ${upTo} ${mine}`;
  // `+ 0` keeps the planner from walking the whole log along its positions to find an aggregate's few events.
  return sql`
    aggregate_type = ${aggregate.type} and aggregate_id = ${aggregate.id}
    and position + 0 > ${after} and position + 0 <= ${upTo} ${mine}`;
}
