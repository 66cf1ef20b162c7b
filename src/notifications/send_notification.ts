import { findOrder, findShipment, type Order } from "../orders/mod.ts";
import { findRefund } from "../payments/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { newId } from "../platform/id.ts";
import { keyOf, type Told } from "./jobs.ts";
import { MailError, sendMail } from "./mailer.ts";
import type { Notification } from "./notification.ts";
import { findNotificationOf, insertNotification, markKept, markRefused, markSent } from "./queries.ts";
import { type Mail, renderHtml, renderMail, renderRefund, renderShipment } from "./templates.ts";

/**
 * Writes the notification, once for each thing and template, and sends it if there is a mail server, or else keeps it.
 * Done again after it was sent or kept, it does nothing. Killed between the server's acceptance and our record of it,
 * it sends the same message once more under the same Message-ID: on the wire it is at least once.
 *
 * @param isLast whether no other attempt will follow this one
 * @throws MailError when the server did not take it; `failed` after the last attempt
 */
export async function sendNotification(
  ctx: Ctx,
  told: Told,
  { signal, isLast }: { signal: AbortSignal; isLast: boolean },
): Promise<void> {
  const notification = await writeNotification(ctx, told);
  if (!notification || notification.status === "sent" || notification.status === "kept") return;
  const { id, recipient, subject, body } = notification;
  const { smtpUrl, mailFrom } = ctx.config;
  if (!smtpUrl) return await markKept(ctx.sql, id);
  try {
    const mail = { subject, text: body, html: renderHtml({ subject, body }) };
    await sendMail({ smtpUrl, mailFrom }, { ...mail, messageId: `<${id}@waybill>`, to: recipient }, signal);
  } catch (error) {
    const reason = error instanceof MailError ? error.message : "The mail could not be made.";
    await markRefused(ctx.sql, id, isLast ? "failed" : "queued", reason);
    throw error;
  }
  await markSent(ctx.sql, id, ctx.clock.now());
}

async function writeNotification(ctx: Ctx, told: Told): Promise<Notification | undefined> {
  const { order_id, template } = told;
  const key = keyOf(told);
  const written = await findNotificationOf(ctx.sql, key);
  if (written) return written;
  const order = await findOrder(ctx.sql, order_id);
  // A back-dated order is an import, of which nobody wants to hear years later.
  if (!order || order.placed_at !== order.created_at) return undefined;
  // Whoever has given it up meanwhile is told that alone.
  if (template === "order_confirmed" && (order.status === "CANCELLED" || order.status === "EXPIRED")) {
    return undefined;
  }
  const mail = await render(ctx, told, order);
  if (!mail) return undefined;
  await insertNotification(ctx.sql, {
    ...mail,
    ...key,
    id: newId(),
    user_id: order.user_id,
    status: ctx.config.smtpUrl ? "queued" : "kept",
    created_at: ctx.clock.now(),
  });
  return await findNotificationOf(ctx.sql, key);
}

/** The mail; undefined where there is nothing to tell any more, of a shipment that turned out never to have left. */
async function render(ctx: Ctx, told: Told, order: Order): Promise<Mail | undefined> {
  switch (told.template) {
    case "order_shipped": {
      const shipment = (await findShipment(ctx.sql, told.shipment_id))!;
      return shipment.status === "cancelled" ? undefined : renderShipment(order, shipment);
    }
    case "refund_sent":
      return renderRefund(order, (await findRefund(ctx.sql, told.refund_id))!);
    default:
      return renderMail(told.template, order);
  }
}
