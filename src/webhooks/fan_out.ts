import type { Ctx } from "../platform/ctx.ts";
import type { Sql, Tx } from "../platform/db.ts";
import type { LoggedEvent } from "../platform/event_log.ts";
import { newId } from "../platform/id.ts";
import { wants } from "./event_types.ts";
import { deliverWebhook } from "./jobs.ts";
import { countSubscribers, insertDeliveries, listSubscribers } from "./queries.ts";

/** What one transaction makes keeps far from its time limits. */
const MAX_DELIVERIES = 5000;

/** For how many events deliveries are made together: `most`, and fewer where there are many endpoints. */
export async function eventsAtOnce(sql: Sql, most: number): Promise<number> {
  const endpoints = await countSubscribers(sql);
  return Math.min(most, Math.max(1, Math.floor(MAX_DELIVERIES / endpoints)));
}

/** Clocks differ, and an event's time is from before its commit: better one too many than one that never comes. */
const TOLERANCE_MS = 60_000;

/**
 * Makes a delivery, and its job, of each event for each enabled endpoint that asked for its type and was there by then: where
 * no worker came for a while, the log has events from before it was made.
 *
 * @returns whether there were any
 */
export async function fanOut(tx: Tx, ctx: Ctx, events: LoggedEvent[]): Promise<boolean> {
  const endpoints = await listSubscribers(tx);
  const wanted = events.flatMap(({ position, type, traceparent, occurred_at }) =>
    endpoints
      .filter(({ event_types, created_at }) =>
        event_types.some((pattern) => wants(pattern, type)) &&
        Date.parse(occurred_at) >= Date.parse(created_at) - TOLERANCE_MS
      )
      .map(({ id }) => ({
        id: newId(),
        endpoint_id: id,
        event_position: position,
        event_type: type,
        traceparent,
      }))
  );
  if (wanted.length === 0) return false;
  await insertDeliveries(tx, ctx.clock.now(), wanted);
  await ctx.jobs.enqueue(tx, deliverWebhook, wanted.map(({ id }) => ({ delivery_id: id, attempt: 1 })), {
    traceparents: wanted.map(({ traceparent }) => traceparent),
    groups: wanted.map(({ endpoint_id }) => endpoint_id),
  });
  return true;
}
