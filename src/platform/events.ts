import type { z } from "@hono/zod-openapi";
import { actorName, type Ctx } from "./ctx.ts";
import type { Tx } from "./db.ts";

/** A kind of event: its name (`noun.past`), the version of its data's shape, and that shape. */
export interface EventType<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  type: Name;
  version: number;
  /** The kind of thing the event tells of; also which thing's `sequence` it counts on. */
  aggregate: string;
  schema: Schema;
}

export function defineEvent<Name extends `${string}.${string}`, Schema extends z.ZodType>(
  type: Name,
  version: number,
  aggregate: string,
  schema: Schema,
): EventType<Name, Schema> {
  return { type, version, aggregate, schema };
}

/** One event, ready to be appended. */
export interface NewEvent<Schema extends z.ZodType = z.ZodType> {
  event: EventType<string, Schema>;
  aggregateId: string;
  /** The version of the aggregate that this change made. */
  sequence: number;
  /** Whose it is, and so who may read it; null for staff only. */
  userId: string | null;
  data: z.input<Schema>;
}

/** Appends events in the transaction that makes them true. */
export async function appendEvents(tx: Tx, ctx: Ctx, events: NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const now = ctx.clock.now().toISOString();
  await tx`
    insert into events ${
    tx(events.map((e) => ({
      type: e.event.type,
      version: e.event.version,
      aggregate_type: e.event.aggregate,
      aggregate_id: e.aggregateId,
      sequence: e.sequence,
      user_id: e.userId,
      actor: actorName(ctx.actor),
      request_id: ctx.requestId,
      data: tx.json(e.data as never),
      occurred_at: now,
    })))
  }`;
}
