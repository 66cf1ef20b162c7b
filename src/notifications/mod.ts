export { sendNotificationJob } from "./jobs.ts";
export type { Template } from "./notification.ts";
export { sendNotification } from "./send_notification.ts";
