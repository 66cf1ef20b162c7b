import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx } from "../platform/db.ts";
import { notFound } from "../platform/errors.ts";
import { accessToUse, type Cart, cartClosed, closeCart, nextVersion, requireOpen } from "./cart.ts";
import { merged } from "./change.ts";
import type { Target } from "./change_cart.ts";
import { cartMerged, cartUpdated } from "./events.ts";
import { answerCart } from "./get_cart.ts";
import { findCartWithProducts, lockCart, lockLatestCart, writeCarts } from "./queries.ts";
import type { PricedCart } from "./view.ts";

/**
 * Makes the cart of a guest, who has logged in, the user's: the user's open cart in the same currency that was changed
 * last takes over its lines (see {@link merged}), and it ends; if there is none, it becomes the user's itself and its
 * token is void. Repeating it answers the cart that came of it.
 *
 * @throws not_found, version_mismatch, cart_closed, cart_refused
 */
export async function mergeCart(ctx: Ctx, target: Target): Promise<PricedCart> {
  const access = accessToUse(ctx.actor, target.token);
  const { cart, products } = await transaction(ctx.sql, async (tx) => {
    const id = await mergedCartId(tx, ctx, target);
    return (await findCartWithProducts(tx, id, access))!;
  });
  return await answerCart(ctx, cart, products);
}

/** The cart in which the guest's lines are, once they are there. Locks the guest's cart, then the user's. */
async function mergedCartId(tx: Tx, ctx: Ctx, { id, token, expectedVersion }: Target): Promise<string> {
  const access = accessToUse(ctx.actor, token);
  const guest = await lockCart(tx, id, access);
  if (!guest) throw notFound("cart");
  if (guest.user_id !== null) return guest.id;
  if (guest.merged_into !== null) return await requireOwn(tx, ctx, guest);
  requireOpen(guest, expectedVersion);
  const userId = access.userId!;
  const [now, lifetimeMs] = [ctx.clock.now(), ctx.config.cartExpirationMs];
  const before = await lockLatestCart(tx, { userId, currency: guest.currency, now });
  const { cart, changes } = before
    ? nextVersion(now, lifetimeMs, before, merged(before, guest))
    : nextVersion(now, lifetimeMs, guest, { ...guest, user_id: userId });
  const { items: _, ...header } = cart;
  const added = addedSkus(before ?? guest, cart);
  const end = before && closeCart(now, guest, { status: "merged", merged_into: before.id });
  await writeCarts(tx, ctx, [
    ...end ? [{ cart: end.cart, event: cartMerged, data: { ...end.cart, changes: end.changes } }] : [],
    ...cart === before ? [] : [{ cart, event: cartUpdated, data: { ...header, changes, ...added } }],
  ]);
  return cart.id;
}

/** The new lines in their order, for the event; nothing where there is no order to tell. */
function addedSkus(before: Cart, after: Cart): { added?: string[] } {
  const known = new Set(before.items.map(({ sku }) => sku));
  const added = after.items.map(({ sku }) => sku).filter((sku) => !known.has(sku));
  return added.length > 1 ? { added } : {};
}

/** It was merged before: into a cart of this user, or else it is closed to them. @throws cart_closed */
async function requireOwn(tx: Tx, ctx: Ctx, guest: Cart): Promise<string> {
  const own = await findCartWithProducts(tx, guest.merged_into!, accessToUse(ctx.actor, undefined));
  if (!own) throw cartClosed({ ...guest, merged_into: null });
  return own.cart.id;
}
