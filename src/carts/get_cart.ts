import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { readTradeFacts } from "../trade/mod.ts";
import { accessToRead, type Cart, type Products } from "./cart.ts";
import { findCartWithProducts } from "./queries.ts";
import { priceCart, type PricedCart } from "./view.ts";

/** The cart as it stands now: prices, stock and trade rules are read each time. @throws not_found, also for another's */
export async function getCart(
  ctx: Ctx,
  { id, token }: { id: string; token?: string },
): Promise<PricedCart> {
  const found = await findCartWithProducts(ctx.sql, id, accessToRead(ctx.actor, token));
  if (!found) throw notFound("cart");
  return await answerCart(ctx, found.cart, found.products);
}

/** A cart as it is answered; the trade rules are asked only where it has a destination. */
export async function answerCart(ctx: Ctx, cart: Cart, products: Products): Promise<PricedCart> {
  if (cart.destination === null) return priceCart(cart, products);
  const trade = await readTradeFacts(ctx.sql, {
    destination: cart.destination,
    on: ctx.clock.now(),
    currencies: [],
    products: cart.items.flatMap(({ sku }) => products.get(sku) ?? []),
  });
  return priceCart(cart, products, trade);
}
