import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { deleteEntry } from "./queries.ts";

/** Gives up sending an event to Kafka, for good; those that wait behind it go on. It stays in the log. @throws not_found */
export async function discardEvent(ctx: Ctx, position: number): Promise<void> {
  if (!await deleteEntry(ctx.sql, position)) throw notFound("entry in the outbox");
  ctx.bell.ring("waybill_events");
}
