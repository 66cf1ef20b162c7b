import { type Ctx, isOwn, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Notification } from "./notification.ts";
import { findNotification } from "./queries.ts";

/** @throws not_found, also for another's */
export async function getNotification(ctx: Ctx, id: string): Promise<Notification> {
  const found = await findNotification(ctx.sql, id);
  if (found && (isStaff(ctx.actor) || isOwn(ctx.actor, found.user_id))) return found;
  throw notFound("notification");
}
