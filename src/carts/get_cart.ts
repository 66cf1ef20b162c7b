import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Coupon, findCoupon } from "../promotions/mod.ts";
import { readTradeFacts, type TradeFacts } from "../trade/mod.ts";
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

/** A cart as it is answered; trade rules and coupon are asked for only where it has a destination, and a code. */
export async function answerCart(ctx: Ctx, cart: Cart, products: Products): Promise<PricedCart> {
  const [trade, coupon] = await Promise.all([readTrade(ctx, cart, products), readCoupon(ctx, cart)]);
  return priceCart(cart, products, trade, coupon);
}

async function readTrade(
  ctx: Ctx,
  { destination, items }: Cart,
  products: Products,
): Promise<TradeFacts | undefined> {
  if (destination === null) return undefined;
  return await readTradeFacts(ctx.sql, {
    destination,
    on: ctx.clock.now(),
    currencies: [],
    products: items.flatMap(({ sku }) => products.get(sku) ?? []),
  });
}

/** What is known of a cart's coupon, if it has one. Of a cart that is over nothing is asked: it may be its order's. */
export async function readCoupon(
  ctx: Ctx,
  { id, user_id, status, coupon_code }: Pick<Cart, "id" | "user_id" | "status" | "coupon_code">,
): Promise<Coupon | undefined> {
  if (coupon_code === null || status !== "open") return undefined;
  return await findCoupon(ctx.sql, { code: coupon_code, at: ctx.clock.now(), userId: user_id, cartId: id });
}
