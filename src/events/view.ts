import type { z } from "@hono/zod-openapi";
import { type Actor, actorRole, isOwn, isStaff } from "../platform/ctx.ts";
import type { LoggedEvent } from "../platform/event_log.ts";
import type { EventSchema } from "./schemas.ts";

/** An event as it is answered and streamed. */
export type EventView = z.infer<typeof EventSchema>;

/** Staff may read every event, a customer those that are theirs. */
export function mayReadEvent(actor: Actor, event: Pick<LoggedEvent, "user_id">): boolean {
  return isStaff(actor) || isOwn(actor, event.user_id);
}

/** An event as this reader may see it: customers learn that it was staff, not who. */
export function eventView(reader: Actor, event: LoggedEvent): EventView {
  return {
    id: event.id,
    position: event.position,
    type: event.type,
    version: event.version,
    aggregate: { type: event.aggregate_type, id: event.aggregate_id },
    sequence: event.sequence,
    occurred_at: event.occurred_at,
    actor: isStaff(reader) ? event.actor : actorRole(event.actor, event.user_id),
    ...isStaff(reader) && { request_id: event.request_id },
    data: isStaff(reader) ? event.data : withoutStaff(event),
  };
}

function withoutStaff({ data, user_id }: LoggedEvent): Record<string, unknown> {
  const { placed_by } = data;
  const role = typeof placed_by === "string" ? actorRole(placed_by, user_id) : "customer";
  return role === "customer" ? data : { ...data, placed_by: role };
}
