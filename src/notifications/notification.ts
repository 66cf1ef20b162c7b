/** What happens to an order at most once. */
export const ORDER_TEMPLATES = ["order_confirmed", "order_expired", "order_cancelled"] as const;
export type OrderTemplate = typeof ORDER_TEMPLATES[number];

export const TEMPLATES = [...ORDER_TEMPLATES, "order_shipped", "refund_sent"] as const;
export type Template = typeof TEMPLATES[number];

/** `kept`: no mail server was configured when it was written; `queued`: to be sent; `failed`: every attempt was refused. */
export const STATUSES = ["kept", "queued", "sent", "failed"] as const;
export type NotificationStatus = typeof STATUSES[number];

/** An e-mail to a user about an order: written once for each thing and template. */
export interface Notification {
  id: string;
  user_id: string;
  order_id: string;
  template: Template;
  /** The shipment or the refund that it tells of; null: the order itself. */
  subject_id: string | null;
  /** The e-mail address, as it was when this was written. */
  recipient: string;
  subject: string;
  /** Plain text: paragraphs between empty lines. */
  body: string;
  status: NotificationStatus;
  /** Why the last attempt failed, without anything secret. */
  error: string | null;
  created_at: string;
  sent_at: string | null;
}
