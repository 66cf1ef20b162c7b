import type { z } from "@hono/zod-openapi";
import { findOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { newId } from "../platform/id.ts";
import type { sendNotificationJob } from "./jobs.ts";
import { MailError, sendMail } from "./mailer.ts";
import type { Notification } from "./notification.ts";
import { findNotificationOf, insertNotification, markRefused, markSent } from "./queries.ts";
import { renderHtml, renderMail } from "./templates.ts";

/** The attempt that this is: when to break it off, and whether no other will follow. */
export interface Attempt {
  signal: AbortSignal;
  isLast: boolean;
}

/**
 * Writes the notification, once for each order and template, and sends it if there is a mail server. Done again after
 * it was sent or kept, it does nothing. Killed between the server's acceptance and our record of it, it sends the same
 * message once more under the same Message-ID: on the wire it is at least once.
 *
 * @throws MailError when the server did not take it; `failed` after the last attempt
 */
export async function sendNotification(
  ctx: Ctx,
  input: z.output<typeof sendNotificationJob.schema>,
  { signal, isLast }: Attempt,
): Promise<void> {
  const notification = await writeNotification(ctx, input);
  if (!notification || notification.status === "sent" || notification.status === "kept") return;
  const { id, recipient, subject, body } = notification;
  try {
    const mail = { subject, text: body, html: renderHtml({ subject, body }) };
    await sendMail(ctx.config, { ...mail, messageId: `<${id}@waybill>`, to: recipient }, signal);
  } catch (error) {
    const reason = error instanceof MailError ? error.message : "The mail could not be made.";
    await markRefused(ctx.sql, id, isLast ? "failed" : "queued", reason);
    throw error;
  }
  await markSent(ctx.sql, id, ctx.clock.now());
}

async function writeNotification(
  ctx: Ctx,
  { order_id, template }: z.output<typeof sendNotificationJob.schema>,
): Promise<Notification | undefined> {
  const written = await findNotificationOf(ctx.sql, order_id, template);
  if (written) return written;
  const order = await findOrder(ctx.sql, order_id);
  // A back-dated order is an import, of which nobody wants to hear years later. Only such orders never expire.
  if (!order || order.expires_at === null) return undefined;
  await insertNotification(ctx.sql, {
    ...renderMail(template, order),
    id: newId(),
    user_id: order.user_id,
    order_id,
    template,
    status: ctx.config.smtpUrl ? "queued" : "kept",
    created_at: ctx.clock.now(),
  });
  return await findNotificationOf(ctx.sql, order_id, template);
}
