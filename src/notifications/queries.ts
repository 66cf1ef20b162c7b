import type { Sql, Tx } from "../platform/db.ts";
import type { ListNotifications } from "./list_notifications.ts";
import type { Notification } from "./notification.ts";

const columns = (sql: Sql) =>
  sql`id, user_id, order_id, template, subject_id, recipient, subject, body, status, error, created_at, sent_at`;

/** Writes a notification to its user's present address, unless there is one of its template about its subject already. */
export async function insertNotification(
  sql: Sql,
  notification: Omit<Notification, "recipient" | "error" | "created_at" | "sent_at"> & { created_at: Date },
): Promise<void> {
  const { id, user_id, order_id, template, subject_id, subject, body, status, created_at } = notification;
  await sql`
    insert into notifications (id, user_id, order_id, template, subject_id, recipient, subject, body, status, created_at)
    values (${id}, ${user_id}, ${order_id}, ${template}, ${subject_id}, (select coalesce(email, guest_email) from users where id = ${user_id}),
            ${subject}, ${body}, ${status}, ${created_at})
    on conflict (order_id, template, subject_id) do nothing`;
}

export async function findNotificationOf(
  sql: Sql,
  { order_id, template, subject_id }: Pick<Notification, "order_id" | "template" | "subject_id">,
): Promise<Notification | undefined> {
  const [found] = await sql<Notification[]>`
    select ${columns(sql)} from notifications
    where order_id = ${order_id} and template = ${template} and subject_id is not distinct from ${subject_id}`;
  return found;
}

export async function findNotification(sql: Sql, id: string): Promise<Notification | undefined> {
  const [found] = await sql<Notification[]>`select ${columns(sql)} from notifications where id = ${id}`;
  return found;
}

export async function markSent(sql: Sql, id: string, at: Date): Promise<void> {
  await sql`
    update notifications set status = 'sent', sent_at = ${at}, error = null where id = ${id} and status <> 'sent'`;
}

/** There is no mail server any more: it is only to be read. Never one that was sent meanwhile. */
export async function markKept(sql: Sql, id: string): Promise<void> {
  await sql`update notifications set status = 'kept', error = null where id = ${id} and status <> 'sent'`;
}

const GIVEN_UP = "Staff cancelled its job.";

/** Says of one that waits for its next attempt that there is none. */
export async function markGivenUp(
  tx: Tx,
  { order_id, template, subject_id }: Pick<Notification, "order_id" | "template" | "subject_id">,
): Promise<void> {
  await tx`
    update notifications set status = 'failed', error = ${GIVEN_UP}
    where order_id = ${order_id} and template = ${template} and subject_id is not distinct from ${subject_id}
      and status = 'queued'`;
}

/** Keeps why an attempt failed; never of one that was sent, or given up, meanwhile. */
export async function markRefused(
  sql: Sql,
  id: string,
  status: "queued" | "failed",
  error: string,
): Promise<void> {
  await sql`
    update notifications set status = ${status}, error = ${error}
    where id = ${id} and status <> 'sent' and error is distinct from ${GIVEN_UP}`;
}

/**
 * One page, newest first, `limit + 1` rows. The status is in the planner's sight (only ever one of our words), so that it may
 * use the partial index of what was neither sent nor kept, and sorted by, so that it does not walk past all that was.
 */
export async function listNotificationRows(sql: Sql, filter: ListNotifications): Promise<Notification[]> {
  const { user_id, order_id, status, template, cursor } = filter;
  const isRare = status === "queued" || status === "failed";
  return await sql<Notification[]>`
    select ${columns(sql)} from notifications
    where true
      ${user_id === undefined ? sql`` : sql`and user_id = ${user_id}`}
      ${order_id === undefined ? sql`` : sql`and order_id = ${order_id}`}
      ${status === undefined ? sql`` : sql`and status = any(${sql.unsafe(`'{${status}}'`)}::text[])`}
      ${template === undefined ? sql`` : sql`and template = ${template}`}
      ${cursor === undefined ? sql`` : sql`and id < ${cursor[0]}`}
    order by ${isRare ? sql`status,` : sql``} id desc limit ${filter.limit + 1}`;
}
