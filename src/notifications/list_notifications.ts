import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Notification, NotificationStatus, Template } from "./notification.ts";
import { listNotificationRows } from "./queries.ts";

/** Which notifications; all filters must hold. */
export interface ListNotifications {
  user_id?: string;
  order_id?: string;
  status?: NotificationStatus;
  template?: Template;
  /** The id of the last row. */
  cursor?: [string];
  limit: number;
}

/** The caller's notifications, newest first; staff see everyone's. @throws forbidden for another user's */
export async function listNotifications(ctx: Ctx, filter: ListNotifications): Promise<Page<Notification>> {
  const rows = await listNotificationRows(ctx.sql, {
    ...filter,
    user_id: whoseToList(ctx.actor, filter.user_id, "notifications"),
  });
  return toPage(rows, filter.limit, (last) => [last.id]);
}
