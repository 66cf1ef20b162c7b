import { type Ctx, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Notification } from "./notification.ts";
import { findNotification } from "./queries.ts";

/** @throws not_found, also for another's */
export async function getNotification(ctx: Ctx, id: string): Promise<Notification> {
  const found = await findNotification(ctx.sql, id);
  const isOwn = ctx.actor.kind === "user" && ctx.actor.userId === found?.user_id;
  if (found && (isOwn || isStaff(ctx.actor))) return found;
  throw notFound("notification");
}
