export { RETURN_EVENTS } from "./events.ts";
