import { z } from "@hono/zod-openapi";
import { defineJob } from "../platform/jobs.ts";
import { type Notification, ORDER_TEMPLATES } from "./notification.ts";

/** Mails a customer about an order. Made from the event that it tells of. */
export const sendNotificationJob = defineJob(
  "notifications.send",
  "notifications",
  z.discriminatedUnion("template", [
    z.object({ template: z.enum(ORDER_TEMPLATES), order_id: z.uuid() }),
    z.object({ template: z.literal("order_shipped"), order_id: z.uuid(), shipment_id: z.uuid() }),
    z.object({ template: z.literal("refund_sent"), order_id: z.uuid(), refund_id: z.uuid() }),
  ]),
  {
    work: "outside",
    batchSize: 10,
    retryLimit: 12,
    retryDelay: 2,
    retryDelayMax: 3600,
    timeLimit: 120,
    heartbeat: 10,
  },
);

/** What a mail is to tell. */
export type Told = z.output<typeof sendNotificationJob.schema>;

/** Which notification that is: there is one for each thing and template. */
export function keyOf(told: Told): Pick<Notification, "order_id" | "template" | "subject_id"> {
  const { order_id, template } = told;
  return { order_id, template, subject_id: subjectOf(told) };
}

function subjectOf(told: Told): string | null {
  switch (told.template) {
    case "order_shipped":
      return told.shipment_id;
    case "refund_sent":
      return told.refund_id;
    default:
      return null;
  }
}
