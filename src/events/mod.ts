export { dispatchEvents, sealEvents } from "./jobs.ts";
export { discardEvent } from "./outbox/discard_event.ts";
export { listOutbox } from "./outbox/list_outbox.ts";
export type { OutboxEntry } from "./outbox/queries.ts";
export { replayEvent } from "./outbox/replay_event.ts";
export { chained } from "./seals/queries.ts";
export { sealLog } from "./seals/seal_log.ts";
export { EVENT_TYPES, matches, typesMatching } from "./registry.ts";
export { type EventView, eventView, mayReadEvent } from "./view.ts";
