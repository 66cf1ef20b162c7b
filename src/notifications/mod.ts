export { sendNotificationJob } from "./jobs.ts";
export type { OrderTemplate, Template } from "./notification.ts";
export { sendNotification } from "./send_notification.ts";
