import { type CartTarget, endCart, endDueCarts, listDueCarts } from "../carts/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { endDue } from "../platform/end_due.ts";
import { lockOpenQuotes } from "./queries.ts";
import { releaseQuotes } from "./release_quotes.ts";

/**
 * Gives a cart up: it expires now, and its quote with it, whose stock is free again. Doing so again changes nothing.
 *
 * @returns the cart's version
 * @throws not_found, version_mismatch, cart_closed
 */
export async function giveUpCart(ctx: Ctx, target: CartTarget): Promise<number> {
  return await transaction(ctx.sql, async (tx) => {
    const { id, version } = await endCart(tx, ctx, target);
    await releaseQuotes(tx, ctx, await lockOpenQuotes(tx, [id]), "expired");
    return version;
  });
}

/**
 * Expires a batch of carts that nobody changed for too long, and their quotes with them, in one transaction.
 *
 * @returns how many it expired; none means that no more are due, or that those that are cannot be expired
 */
export async function expireDueCarts(ctx: Ctx): Promise<{ expired: number; mayBeMore: boolean }> {
  const list = (except: string[]) => listDueCarts(ctx.sql, ctx.clock.now(), except);
  return await endDue(ctx, "a cart whose time is over", list, (ids) =>
    transaction(ctx.sql, async (tx) => {
      const ended = await endDueCarts(tx, ctx, ids);
      await releaseQuotes(tx, ctx, await lockOpenQuotes(tx, ended.map(({ id }) => id)), "expired");
      return ended.length;
    }));
}
