import type { Fragment, Sql } from "../platform/db.ts";
import { type LoggedEvent, MAX_STORED_BYTES, storedBytes } from "../platform/event_log.ts";

/** Which events; all that is given must hold. */
export interface ScanFilter {
  after: number;
  upTo: number;
  userId?: string;
  types?: string[];
  aggregate?: { type: string; id: string };
  limit: number;
  /** How many events at the most are looked at for what no index knows of them. */
  scanLimit: number;
}

/** What a scan found, and up to which position it has looked at everything. */
export interface Scan {
  events: LoggedEvent[];
  scannedTo: number;
}

/** Events in the order of the log. Looks at few rows and bytes whatever the filter is, so it may end before `upTo`. */
export async function scanEvents(sql: Sql, filter: ScanFilter): Promise<Scan> {
  const { userId, types, aggregate } = filter;
  const isSifted = types !== undefined || (aggregate !== undefined && userId !== undefined);
  const scanLimit = isSifted ? filter.scanLimit : filter.limit;
  const rows = await sql<
    (Partial<LoggedEvent> & { scanned: number; scanned_to: number; stored_bytes: number })[]
  >`
    with recursive ${aggregate ? ahead(sql, aggregate, filter.after) : sql``} scanned as materialized (
      select position, type, user_id from events where ${rangeOf(sql, filter)} limit ${scanLimit}
    ), found as (
      select position from scanned
      where true ${types ? sql`and type = any(${types}::text[])` : sql``}
        ${userId === undefined ? sql`` : sql`and user_id = ${userId}`}
      order by position limit ${filter.limit}
    )
    select s.scanned, s.scanned_to, e.position, e.id, e.type, e.version, e.aggregate_type, e.aggregate_id, e.sequence,
           e.user_id, e.actor, e.request_id, e.traceparent, e.data, e.occurred_at, e.stored_bytes
    from (select count(*)::int as scanned, max(position) as scanned_to from scanned) s
    left join (
      select *, ${storedBytes(sql)} as stored_bytes from found join events using (position)
    ) e on e.stored_bytes - pg_column_size(e.data) < ${MAX_STORED_BYTES}::bigint
    order by e.position`;
  const { scanned, scanned_to } = rows[0]!;
  const events = rows.filter((row) => row.position !== null) as (typeof rows[0] & LoggedEvent)[];
  const last = events.at(-1);
  if (last && (events.length === filter.limit || last.stored_bytes >= MAX_STORED_BYTES)) {
    return { events, scannedTo: last.position };
  }
  return { events, scannedTo: scanned === scanLimit ? scanned_to : filter.upTo };
}

/** What one index serves, in the order of the log: one aggregate's events, one user's, or the whole log. */
function rangeOf(sql: Sql, { after, upTo, userId, aggregate }: ScanFilter): Fragment {
  if (aggregate) {
    return sql`
      ${isOf(sql, aggregate)} and sequence > (select max(low) from ahead)
        and position + 0 <= ${upTo} -- or the planner might walk the whole log
      order by sequence`;
  }
  const mine = userId === undefined ? sql`` : sql`and user_id = ${userId}`;
  return sql`position > ${after} and position <= ${upTo} ${mine} order by position`;
}

const isOf = (sql: Sql, { type, id }: NonNullable<ScanFilter["aggregate"]>): Fragment =>
  sql`aggregate_type = ${type} and aggregate_id = ${id}`;

/**
 * The CTE `ahead`, before a comma, whose highest `low` is the sequence of an aggregate's last event up to a position: found
 * by halves, as a stock level may have millions, of which no index knows the positions. They grow with the sequence.
 */
function ahead(sql: Sql, aggregate: NonNullable<ScanFilter["aggregate"]>, after: number): Fragment {
  return sql`
    ahead as (
      select 0 as low, coalesce((
        select sequence from events where ${isOf(sql, aggregate)} order by sequence desc limit 1
      ), 0) + 1 as high -- for max(sequence) PostgreSQL 15 would read all of them here
      union all
      select case when is_after then low else half end, case when is_after then half else high end
      from ahead cross join lateral (select (low + high) / 2 as half) middle cross join lateral (
        select coalesce((
          select position > ${after} from events where ${
    isOf(sql, aggregate)
  } and sequence = half), false) as is_after
      ) looked
      where high - low > 1
    ),`;
}
