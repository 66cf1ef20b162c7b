import { moveStock } from "../inventory/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx } from "../platform/db.ts";
import { endDue } from "../platform/end_due.ts";
import { releaseCoupons } from "../promotions/mod.ts";
import { appendEvents } from "../platform/events.ts";
import { quoteReleased } from "./events.ts";
import { closeQuotes, type HeldQuote, listDueQuotes, lockDueQuotes } from "./queries.ts";

/** Ends open quotes whose rows the caller holds, and frees their coupons and their stock. */
export async function releaseQuotes(
  tx: Tx,
  ctx: Ctx,
  quotes: HeldQuote[],
  status: "expired" | "superseded",
): Promise<void> {
  if (quotes.length === 0) return;
  await closeQuotes(tx, quotes.map(({ id }) => id), status);
  const withCoupons = quotes.filter(({ coupon_code }) => coupon_code !== null).map(({ id }) => id);
  if (withCoupons.length > 0) await releaseCoupons(tx, { quoteIds: withCoupons }, ctx.clock.now());
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
 * @returns how many; none means that no more are due, or that those that are cannot be expired
 */
export async function expireDueQuotes(ctx: Ctx): Promise<{ expired: number; mayBeMore: boolean }> {
  const list = (except: string[]) => listDueQuotes(ctx.sql, ctx.clock.now(), except);
  return await endDue(ctx, "a quote whose time is over", list, (ids) =>
    transaction(ctx.sql, async (tx) => {
      const quotes = await lockDueQuotes(tx, ids);
      await releaseQuotes(tx, ctx, quotes, "expired");
      return quotes.length;
    }));
}
