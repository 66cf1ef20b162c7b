import type { z } from "@hono/zod-openapi";
import { forgetToldOrders } from "../orders/mod.ts";
import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { scanEvents } from "./queries.ts";
import { EVENT_TYPES } from "./registry.ts";
import type { EventsQuery } from "./schemas.ts";
import { type EventView, eventView } from "./view.ts";

/** Which events, and after which position of the log. All filters must hold. */
export type ListEvents = z.infer<typeof EventsQuery>;

const SCAN_LIMIT = 5000;

/**
 * The next events that the caller may read, oldest first, and where to go on. Only what is settled, so nothing will
 * ever appear before that. There may be more even if it gives few or none.
 */
export async function listEvents(
  ctx: Ctx,
  filter: ListEvents,
): Promise<{ data: EventView[]; next: number }> {
  const upTo = await ctx.horizon.settled();
  // A process may not have come as far as another that gave this position.
  if (upTo <= filter.after) return { data: [], next: filter.after };
  const { events, scannedTo } = await scanEvents(ctx.sql, {
    after: filter.after,
    upTo,
    userId: whoseToList(ctx.actor, undefined, "events"),
    types: typesOf(filter),
    aggregate: aggregateOf(filter),
    limit: filter.limit,
    scanLimit: SCAN_LIMIT,
  });
  await forgetToldOrders(ctx, events);
  return { data: events.map((event) => eventView(ctx.actor, event)), next: scannedTo };
}

/** The types to pick from a scan; none where the aggregate's index serves already. */
function typesOf({ type, aggregate_type, aggregate_id }: ListEvents): string[] | undefined {
  if (aggregate_type === undefined || aggregate_id !== undefined) return type;
  const ofAggregate = EVENT_TYPES.filter(({ aggregate }) => aggregate === aggregate_type);
  return ofAggregate.map((each) => each.type).filter((each) => !type || type.includes(each));
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** UUIDs are kept in lower case; others, as a stock level's `<sku>@<location>`, as they are. */
function aggregateOf({ aggregate_type: type, aggregate_id: id }: ListEvents) {
  if (type === undefined || id === undefined) return undefined;
  return { type, id: UUID.test(id) ? id.toLowerCase() : id };
}
