export { createWaybill, type WaybillOptions } from "./client.ts";
export * from "./src/index.ts";
