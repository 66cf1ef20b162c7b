import { type CartTarget, endCart } from "../carts/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { lockCartAndQuote } from "./queries.ts";
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
    const quote = await lockCartAndQuote(tx, id);
    if (quote) await releaseQuotes(tx, ctx, [quote], "expired");
    return version;
  });
}
