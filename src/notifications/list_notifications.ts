import type { z } from "@hono/zod-openapi";
import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Notification } from "./notification.ts";
import { listNotificationRows } from "./queries.ts";
import type { ListQuery } from "./schemas.ts";

/** Which notifications; all filters must hold. */
export type ListNotifications = z.infer<typeof ListQuery>;

/** The caller's notifications, newest first; staff see everyone's. @throws forbidden for another user's */
export async function listNotifications(ctx: Ctx, filter: ListNotifications): Promise<Page<Notification>> {
  const rows = await listNotificationRows(ctx.sql, {
    ...filter,
    user_id: whoseToList(ctx.actor, filter.user_id, "notifications"),
  });
  return toPage(rows, filter.limit, (last) => [last.id]);
}
