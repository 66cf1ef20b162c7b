import type { z } from "@hono/zod-openapi";
import type { NotificationSchema } from "./schemas.ts";

/** What happens to an order at most once. */
export const ORDER_TEMPLATES = ["order_confirmed", "order_expired", "order_cancelled"] as const;
export type OrderTemplate = typeof ORDER_TEMPLATES[number];

export const TEMPLATES = [...ORDER_TEMPLATES, "order_shipped", "refund_sent"] as const;
export type Template = typeof TEMPLATES[number];

/**
 * `kept`: no mail server was configured when it was written; `queued`: to be sent; `failed`: every attempt was refused, or
 * staff cancelled its job.
 */
export const STATUSES = ["kept", "queued", "sent", "failed"] as const;

/** An e-mail to a user about an order: written once for each thing and template, to the address that the user had then. */
export type Notification = z.infer<typeof NotificationSchema>;
