import { z } from "@hono/zod-openapi";
import { PageQuery } from "../http/pagination.ts";
import { Id, Timestamp } from "../http/schemas.ts";
import { type Actor, isStaff } from "../platform/ctx.ts";
import { type Notification, STATUSES, TEMPLATES } from "./notification.ts";

const Template = z.enum(TEMPLATES);
const Status = z.enum(STATUSES).openapi({
  description:
    "`kept`: there was no mail server to send it by; `queued`: waits for its next attempt; `failed`: every attempt was " +
    "refused, or staff cancelled its job",
});

export const NotificationSchema = z.object({
  id: Id.openapi({ description: "Also the Message-ID: `<id@waybill>`" }),
  user_id: Id,
  order_id: Id,
  template: Template,
  subject_id: Id.nullable().openapi({
    description:
      "The shipment (`order_shipped`) or the refund (`refund_sent`) that it tells of; null: the order",
  }),
  recipient: z.string().openapi({ example: "ada@example.com" }),
  subject: z.string(),
  body: z.string().openapi({ description: "As plain text; the mail has it as HTML too" }),
  status: Status,
  error: z.string().nullable().openapi({ description: "Why the last attempt failed; for staff" }),
  created_at: Timestamp,
  sent_at: Timestamp.nullable().openapi({ description: "When the mail server accepted it" }),
}).openapi("Notification");

/** The notification as it is answered: what went wrong with our mail server is nothing to customers. */
export function notificationView(notification: Notification, actor: Actor): Notification {
  return { ...notification, error: isStaff(actor) ? notification.error : null };
}

export const ListQuery = z.strictObject({
  user_id: Id.optional().openapi({ description: "Whose; customers only ever see their own" }),
  order_id: Id.optional().openapi({ description: "Only those about this order" }),
  status: Status.optional(),
  template: Template.optional().openapi({ description: "Only those of this kind" }),
  ...PageQuery.shape,
});
