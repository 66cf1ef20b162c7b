import type { Role } from "../platform/ctx.ts";
import type { Sql } from "../platform/db.ts";
import { sweepTable } from "../platform/sweep_job.ts";

export async function insertTicket(
  sql: Sql,
  ticket: { hash: Uint8Array; userId: string; expiresAt: string },
): Promise<void> {
  await sql`
    insert into stream_tickets (hash, user_id, expires_at)
    values (${ticket.hash}, ${ticket.userId}, ${ticket.expiresAt})`;
}

/** Uses a live ticket up, and says whose it was; undefined for one that is unknown, used or expired, or of a disabled user. */
export async function useTicket(
  sql: Sql,
  hash: Uint8Array,
  now: string,
): Promise<{ user_id: string; role: Role } | undefined> {
  const [row] = await sql<{ user_id: string; role: Role }[]>`
    delete from stream_tickets t using users u
    where t.hash = ${hash} and t.expires_at > ${now} and u.id = t.user_id and u.disabled_at is null
    returning t.user_id, u.role`;
  return row;
}

/** Removes tickets that nobody used. Gives how many there were. */
export async function deleteExpiredTickets(sql: Sql, signal: AbortSignal): Promise<number> {
  return await sweepTable(sql, "stream_tickets", sql`expires_at < now()`, signal);
}
