import type { z } from "@hono/zod-openapi";
import { pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { getNotification } from "./get_notification.ts";
import { listNotifications } from "./list_notifications.ts";
import { ListQuery, NotificationSchema, notificationView } from "./schemas.ts";

const tags = ["Notifications"];
const EXAMPLE: z.infer<typeof NotificationSchema> = {
  id: "0192f0c3-8b1d-7f42-9d0e-5c3a2b1f0e99",
  user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  template: "order_confirmed",
  subject_id: null,
  recipient: "ada@example.com",
  subject: "We have your order WB-100001",
  body:
    "Thank you for your order WB-100001. This is what you ordered:\n\n2 × Blue mug: €29.98\n\nTotal: €29.98\n\nIt goes " +
    "to:\nAda Lovelace\nHauptstr. 1\n10115 Berlin\nGermany",
  status: "sent",
  error: null,
  created_at: "2026-01-31T12:00:01.000Z",
  sent_at: "2026-01-31T12:00:02.000Z",
};

export const notificationRoutes = router();

notificationRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/notifications",
    operationId: "listNotifications",
    tags,
    summary: "List e-mails",
    description: "Those to you; staff see everyone's. Newest first. All filters must hold.",
    request: { query: ListQuery },
    responses: {
      200: json(pageSchema(NotificationSchema).openapi("NotificationPage"), "One page.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => {
    const { actor } = c.get("ctx");
    const page = await listNotifications(c.get("ctx"), c.req.valid("query"));
    return c.json(pageView(page, (each) => notificationView(each, actor)), 200);
  },
);

notificationRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/notifications/{id}",
    operationId: "getNotification",
    tags,
    summary: "Read an e-mail",
    description:
      "Its text, and whether it was sent. Each order, shipment and refund has one of each template at the most.",
    request: { params: IdParam },
    responses: { 200: json(NotificationSchema, "The notification.", EXAMPLE) },
  }),
  async (c) => {
    const notification = await getNotification(c.get("ctx"), c.req.valid("param").id);
    return c.json(notificationView(notification, c.get("ctx").actor), 200);
  },
);
