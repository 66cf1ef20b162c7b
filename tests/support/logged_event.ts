import type { LoggedEvent } from "../../src/platform/event_log.ts";

/** A change of some order at this place of the log. */
export function loggedEvent(position: number, data: LoggedEvent["data"] = {}): LoggedEvent {
  return {
    position,
    id: crypto.randomUUID(),
    type: "order.updated",
    version: 1,
    aggregate_type: "order",
    aggregate_id: crypto.randomUUID(),
    sequence: 1,
    user_id: null,
    actor: "system:test",
    request_id: null,
    traceparent: null,
    data,
    occurred_at: "2026-01-31T12:00:00.000Z",
  };
}
