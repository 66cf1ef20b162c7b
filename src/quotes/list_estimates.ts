import { accessToRead, findCart, readCoupon } from "../carts/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Estimate, estimateOptions } from "./estimate_options.ts";
import { findCartFacts } from "./queries.ts";
import type { AskEstimate } from "./quote.ts";
import { productsOf, readTradeOf } from "./quote_cart.ts";

/**
 * What a cart would cost now by each shipping option, for whoever may read it, guests too. Holds nothing, and leaves the
 * cart's quote as it is.
 *
 * @throws not_found, cart_closed, quote_refused and insufficient_stock, as a quote would
 */
export async function listEstimates(
  ctx: Ctx,
  { cartId, token, ask }: { cartId: string; token?: string; ask: AskEstimate },
): Promise<Estimate[]> {
  if (!await findCart(ctx.sql, cartId, accessToRead(ctx.actor, token))) throw notFound("cart");
  const [facts] = await findCartFacts(ctx.sql, [{ cartId }]);
  const [trade, coupon] = await Promise.all([readTradeOf(ctx, facts!, ask), readCoupon(ctx, facts!.cart)]);
  const { clock, config: { shipFromCountry } } = ctx;
  return estimateOptions(clock.now(), shipFromCountry, facts!.cart, ask, productsOf(facts!), trade, coupon);
}
