import { accessToRead, findCartWithProducts, readCoupon } from "../carts/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Estimate, estimateOptions } from "./estimate_options.ts";
import type { AskEstimate } from "./quote.ts";
import { priceInTurn } from "./price_in_turn.ts";
import { readTradeOf } from "./quote_cart.ts";

/**
 * What a cart would cost now by each shipping option, for whoever may read it, guests too. Holds nothing, and leaves the
 * cart's quote as it is.
 *
 * @throws not_found, cart_closed, quote_refused and insufficient_stock, as a quote would; unavailable
 */
export async function listEstimates(
  ctx: Ctx,
  { cartId, token, ask }: { cartId: string; token?: string; ask: AskEstimate },
): Promise<Estimate[]> {
  const found = await findCartWithProducts(ctx.sql, cartId, accessToRead(ctx.actor, token));
  if (!found) throw notFound("cart");
  const { cart, products } = found;
  const [trade, coupon] = await Promise.all([
    readTradeOf(ctx, cart, [...products.values()], ask),
    readCoupon(ctx, cart),
  ]);
  return await priceInTurn(
    cart.items.length,
    () => estimateOptions(ctx.clock.now(), ctx.config.shipFromCountry, cart, ask, products, trade, coupon),
  );
}
