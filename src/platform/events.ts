import type { z } from "@hono/zod-openapi";
import { actorName, type Author, type Ctx } from "./ctx.ts";
import type { Tx } from "./db.ts";

/** A kind of event: its name (`noun.past`), the version of its data's shape, and that shape. */
export interface EventType<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  type: Name;
  version: number;
  /** The kind of thing the event tells of; also which thing's `sequence` it counts on. */
  aggregate: string;
  /** What happened, in a sentence. */
  summary: string;
  schema: Schema;
}

export function defineEvent<Name extends `${string}.${string}`, Schema extends z.ZodType>(
  type: Name,
  version: number,
  aggregate: string,
  summary: string,
  schema: Schema,
): EventType<Name, Schema> {
  return { type, version, aggregate, summary, schema };
}

/** One event, ready to be appended. */
export interface NewEvent<Schema extends z.ZodType = z.ZodType> {
  event: EventType<string, Schema>;
  aggregateId: string;
  /**
   * Its turn among the aggregate's events. Left out: the next one, which the caller guards by holding the aggregate's
   * row (and appends at most one event of it in a call).
   */
  sequence?: number;
  /** Whose it is, and so who may read it; null for staff only. */
  userId: string | null;
  data: z.input<Schema>;
  /**
   * When it happened. Left out: the `updated_at` of its data, or else now. A clock that is read once more would be later, and
   * the thing as of its own `updated_at` the one before the change.
   */
  at?: string;
  /** The trace that it belongs to, where that is not the author's. */
  traceparent?: string | null;
  /** Whose doing it is, where that is not the context's: of several requests that are written together. */
  by?: Author;
}

/** Appends events in the transaction that makes them true. */
export async function appendEvents(tx: Tx, ctx: Ctx, events: NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const now = ctx.clock.now().toISOString();
  const rows = events.map((e) => ({
    type: e.event.type,
    version: e.event.version,
    aggregate_type: e.event.aggregate,
    aggregate_id: e.aggregateId,
    sequence: e.sequence,
    user_id: e.userId,
    actor: actorName((e.by ?? ctx).actor),
    request_id: (e.by ?? ctx).requestId,
    traceparent: e.traceparent ?? (e.by ?? ctx).traceparent,
    data: e.data,
    at: e.at ?? (e.data as { updated_at?: string }).updated_at ?? now,
  }));
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                        data, occurred_at)
    select e.type, e.version, e.aggregate_type, e.aggregate_id,
           coalesce(e.sequence, 1 + coalesce((
             select max(l.sequence) from events l
             where l.aggregate_type = e.aggregate_type and l.aggregate_id = e.aggregate_id), 0)),
           e.user_id, e.actor, e.request_id, e.traceparent, e.data, e.at
    from jsonb_to_recordset(${tx.json(rows as never)}) as e (
      type text, version smallint, aggregate_type text, aggregate_id text, sequence int, user_id uuid, actor text,
      request_id text, traceparent text, data jsonb, at timestamptz
    )`;
}
