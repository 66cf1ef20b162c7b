import type { z } from "@hono/zod-openapi";
import type { Sql, Tx } from "../../platform/db.ts";
import type { OutboxEntrySchema } from "./schemas.ts";

/** An event that could not be sent to Kafka at its turn, or that waits behind such a one. */
export type OutboxEntry = z.infer<typeof OutboxEntrySchema>;

const entryColumns = (sql: Sql | Tx) =>
  sql`o.position, e.id as event_id, e.type as event_type, e.aggregate_type, e.aggregate_id, e.sequence, o.status,
      o.attempts, case when o.status = 'held' then o.next_attempt_at end as next_attempt_at, o.error, o.created_at,
      o.dead_at`;

/** Entries of this status, the last in the log first, `limit + 1` of them before `beforePosition`. */
export async function listEntries(
  sql: Sql,
  filter: { status: OutboxEntry["status"]; beforePosition?: number; limit: number },
): Promise<OutboxEntry[]> {
  return await sql<OutboxEntry[]>`
    select ${entryColumns(sql)} from outbox o join events e using (position)
    where o.status = ${filter.status}
      ${filter.beforePosition === undefined ? sql`` : sql`and o.position < ${filter.beforePosition}`}
    order by o.position desc limit ${filter.limit + 1}`;
}

export async function findEntry(sql: Sql, position: number): Promise<OutboxEntry | undefined> {
  const [entry] = await sql<OutboxEntry[]>`
    select ${entryColumns(sql)} from outbox o join events e using (position) where o.position = ${position}`;
  return entry;
}

/** Makes a dead entry due now, as if it had never been tried; undefined if there is no dead one. */
export async function reviveEntry(sql: Sql, position: number): Promise<OutboxEntry | undefined> {
  const [entry] = await sql<OutboxEntry[]>`
    with o as (
      update outbox set status = 'held', attempts = 0, next_attempt_at = now(), dead_at = null
      where position = ${position} and status = 'dead' returning *
    )
    select ${entryColumns(sql)} from o join events e using (position)`;
  return entry;
}

/** Was there one to delete? */
export async function deleteEntry(sql: Sql, position: number): Promise<boolean> {
  return (await sql`delete from outbox where position = ${position}`).count > 0;
}
