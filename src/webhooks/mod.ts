export { deliver } from "./deliver.ts";
export { eventsAtOnce, fanOut } from "./fan_out.ts";
export { deliverWebhook } from "./jobs.ts";
export { deleteOldDeliveries } from "./queries.ts";
export { resealSecrets } from "./reseal_secrets.ts";
