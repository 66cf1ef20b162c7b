import { type Actor, type Ctx, isStaff } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
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
  const rows = await listNotificationRows(ctx.sql, { ...filter, user_id: whose(ctx.actor, filter.user_id) });
  return toPage(rows, filter.limit, (last) => [last.id]);
}

function whose(actor: Actor, asked: string | undefined): string | undefined {
  if (isStaff(actor)) return asked;
  const own = actor.kind === "user" ? actor.userId : undefined;
  if (own !== undefined && (asked === undefined || asked === own)) return own;
  throw new AppError("forbidden", "These are another user's notifications.");
}
