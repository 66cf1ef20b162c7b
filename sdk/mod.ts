export { createWaybill, type WaybillOptions } from "./client.ts";
export { WaybillError } from "./error.ts";
export * from "./src/index.ts";
