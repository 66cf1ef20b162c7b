export { giveUpNotification } from "./give_up_notification.ts";
export { sendNotificationJob } from "./jobs.ts";
export { checkMailer } from "./mailer.ts";
export type { OrderTemplate, Template } from "./notification.ts";
export { sendNotification } from "./send_notification.ts";
