import type { Webhooks } from "./src/index.ts";

export { createWaybill, type WaybillOptions } from "./client.ts";
export { WaybillError } from "./error.ts";
export type { ServerSentEventsResult } from "./src/client/index.ts";
export * from "./src/index.ts";

/**
 * An event of the log whose `type` tells what its `data` is: what webhooks bring. Those of `streamEvents` and `listEvents`
 * are the same, but may be of a newer Waybill.
 */
export type KnownEvent = Exclude<Webhooks["body"], { type: "webhook.ping" }>["data"];
