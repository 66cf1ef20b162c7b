import type { Ctx } from "../../platform/ctx.ts";
import { AppError, notFound } from "../../platform/errors.ts";
import { findEntry, type OutboxEntry, reviveEntry } from "./queries.ts";

/**
 * Has a dead event sent again, at once. Later events of its aggregate went on without it, so it comes after them.
 *
 * @throws not_found, invalid_transition for one that is not dead
 */
export async function replayEvent(ctx: Ctx, position: number): Promise<OutboxEntry> {
  const revived = await reviveEntry(ctx.sql, position);
  if (revived) {
    ctx.bell.ring("waybill_events");
    return revived;
  }
  if (!await findEntry(ctx.sql, position)) throw notFound("entry in the outbox");
  throw new AppError("invalid_transition", "This event is not dead: it will be sent in its turn.");
}
