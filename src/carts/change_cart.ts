import type { Ctx } from "../platform/ctx.ts";
import { type Sql, transaction, type Tx } from "../platform/db.ts";
import { notFound } from "../platform/errors.ts";
import { accessToUse, type Cart, closeCart, nextVersion, type Products, requireOpen } from "./cart.ts";
import { addLines, type ChangeCart, patched, setLines } from "./change.ts";
import { cartExpired, cartUpdated } from "./events.ts";
import { answerCart } from "./get_cart.ts";
import { findCartWithProducts, lockCart, writeCarts } from "./queries.ts";
import type { PricedCart } from "./view.ts";

/** Which cart, how the caller may use it, and which version they mean (`If-Match`). */
export interface Target {
  id: string;
  token?: string;
  expectedVersion?: number;
}

/** How often a change may lose its cart between reading and writing before it holds the cart while it decides. */
const ATTEMPTS_WITHOUT_LOCK = 3;

/** Changes what a cart says beside its lines. @throws not_found, version_mismatch, cart_closed, invalid_request */
export async function patchCart(ctx: Ctx, input: Target & { change: ChangeCart }): Promise<PricedCart> {
  return await change(ctx, input, [], (cart, products) => patched(cart, input.change, products));
}

/** Adds units to a line, or a line. @throws not_found, version_mismatch, cart_closed, cart_refused */
export async function addItem(
  ctx: Ctx,
  { item, ...target }: Target & { item: { sku: string; quantity: number } },
): Promise<PricedCart> {
  const wish = { ...item, pointers: { sku: "/sku", quantity: "/quantity" } };
  return await change(ctx, target, [item.sku], (cart, products) => ({
    ...cart,
    items: addLines(cart, [wish], products),
  }));
}

/** Sets how many units a line has, at today's price; there need be none yet. @throws as {@link addItem} */
export async function setItem(
  ctx: Ctx,
  { item, ...target }: Target & { item: { sku: string; quantity: number } },
): Promise<PricedCart> {
  const wish = { ...item, pointers: { sku: "path/sku", quantity: "/quantity" } };
  return await change(ctx, target, [item.sku], (cart, products) => ({
    ...cart,
    items: setLines(cart, [wish], products),
  }));
}

/** Takes a line out. One that is not there changes nothing. @throws not_found, version_mismatch, cart_closed */
export async function removeItem(
  ctx: Ctx,
  { sku, ...target }: Target & { sku: string },
): Promise<PricedCart> {
  return await change(ctx, target, [], (cart) => ({
    ...cart,
    items: cart.items.filter((item) => item.sku !== sku),
  }));
}

/** Ends a cart now. One that has ended this way stays as it is. @throws not_found, version_mismatch, cart_closed */
export async function endCart(tx: Tx, ctx: Ctx, { id, token, expectedVersion }: Target): Promise<Cart> {
  const before = await lockCart(tx, id, accessToUse(ctx.actor, token));
  if (!before) throw notFound("cart");
  if (before.status === "expired") return before;
  requireOpen(before, expectedVersion);
  const { cart, changes } = closeCart(ctx.clock.now(), before, { status: "expired" });
  await writeCarts(tx, ctx, [{ cart, event: cartExpired, data: { ...cart, changes } }]);
  return cart;
}

/** Makes the cart what it is to be, from what it is and from the products in it and of the asked SKUs. Pure. */
type Decide = (cart: Cart, products: Products) => Cart;

/**
 * Reads, decides, and commits under the guard of the version, in two round trips. Who loses the cart to others again
 * and again takes its lock, so that of any number of changes at once none is lost or refused.
 */
async function change(ctx: Ctx, target: Target, skus: string[], decide: Decide): Promise<PricedCart> {
  for (let attempt = 1; attempt <= ATTEMPTS_WITHOUT_LOCK; attempt++) {
    const done = await tryToChange(ctx.sql, ctx, target, skus, decide);
    if (done) return await answerCart(ctx, done.cart, done.products);
  }
  const { cart, products } = await transaction(ctx.sql, async (tx) => {
    await lockCart(tx, target.id, accessToUse(ctx.actor, target.token));
    return (await tryToChange(tx, ctx, target, skus, decide))!;
  });
  return await answerCart(ctx, cart, products);
}

/** The changed cart; undefined if another change came between. @throws as the decision does */
async function tryToChange(
  sql: Sql | Tx,
  ctx: Ctx,
  { id, token, expectedVersion }: Target,
  skus: string[],
  decide: Decide,
): Promise<{ cart: Cart; products: Products } | undefined> {
  const found = await findCartWithProducts(sql, id, accessToUse(ctx.actor, token), skus);
  if (!found) throw notFound("cart");
  const { cart: before, products } = found;
  requireOpen(before, expectedVersion);
  const after = decide(before, products);
  const { cart, changes } = nextVersion(ctx.clock.now(), ctx.config.cartExpirationMs, before, after);
  if (cart === before) return found;
  const { items: _, ...header } = cart;
  const written = await writeCarts(sql, ctx, [{ cart, event: cartUpdated, data: { ...header, changes } }]);
  return written.length > 0 ? { cart, products } : undefined;
}
