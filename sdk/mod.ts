export { createWaybill, type WaybillOptions } from "./client.ts";
export { WaybillError } from "./error.ts";
export type { ServerSentEventsResult } from "./src/client/index.ts";
export * from "./src/index.ts";
