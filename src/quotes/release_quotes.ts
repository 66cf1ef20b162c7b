import { moveStock } from "../inventory/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { quoteReleased } from "./events.ts";
import { closeQuotes, type HeldQuote, lockDueQuotes } from "./queries.ts";

const AT_ONCE = 100;

/** Ends open quotes whose rows the caller holds, and frees their stock. */
export async function releaseQuotes(
  tx: Tx,
  ctx: Ctx,
  quotes: HeldQuote[],
  status: "expired" | "superseded",
): Promise<void> {
  if (quotes.length === 0) return;
  await closeQuotes(tx, quotes.map(({ id }) => id), status);
  await moveStock(
    tx,
    ctx,
    "release",
    quotes.map(({ id, user_id, items }) => ({ quote_id: id, user_id, items })),
  );
  await appendEvents(
    tx,
    ctx,
    quotes.map(({ id, cart_id, user_id }) => ({
      event: quoteReleased,
      aggregateId: id,
      sequence: 2,
      userId: user_id,
      data: { id, cart_id, user_id, status },
    })),
  );
}

/**
 * Expires a batch of quotes, and passes over those that somebody is checking out right now: whoever holds the row wins.
 *
 * @returns how many; fewer than a full batch means that no more are due
 */
export async function expireDueQuotes(ctx: Ctx): Promise<{ expired: number; mayBeMore: boolean }> {
  const expired = await transaction(ctx.sql, async (tx) => {
    const due = await lockDueQuotes(tx, ctx.clock.now(), AT_ONCE);
    await releaseQuotes(tx, ctx, due, "expired");
    return due.length;
  });
  ctx.bell.ring("waybill_events");
  return { expired, mayBeMore: expired === AT_ONCE };
}
