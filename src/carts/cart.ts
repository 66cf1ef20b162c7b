import type { z } from "@hono/zod-openapi";
import { hashToken } from "../identity/mod.ts";
import { type Changes, changesBetween } from "../platform/changes.ts";
import { type Actor, isStaff } from "../platform/ctx.ts";
import { AppError, type FieldError, requireVersion } from "../platform/errors.ts";
import type { ProductFacts } from "../trade/mod.ts";
import type { CartSchema } from "./schemas.ts";

export const MAX_LINES = 1000;
export const MAX_QUANTITY = 1_000_000;

/** A cart as its row has it: plain data, prices in minor units. The hash of a guest's token never leaves the table. */
export type Cart = z.infer<typeof CartSchema>;
export type CartItem = Cart["items"][number];

/** The products that are in a cart, or are to be, by SKU. */
export type Products = ReadonlyMap<string, ProductFacts>;

/** By what a caller gets at carts: being their user, showing a guest's token, or being staff. Decided in the query. */
export interface CartAccess {
  userId: string | null;
  tokenHash: Uint8Array | null;
  all: boolean;
}

/** The carts that a caller may change and merge: one's own, and the one whose token one shows. */
export function accessToUse(actor: Actor, token: string | undefined): CartAccess {
  return {
    userId: actor.kind === "user" ? actor.userId : null,
    tokenHash: token === undefined ? null : hashToken(token),
    all: false,
  };
}

/** The carts that a caller may read: also all, for staff. */
export function accessToRead(actor: Actor, token: string | undefined): CartAccess {
  return { ...accessToUse(actor, token), all: isStaff(actor) };
}

/** A cart's next version, and how it differs. Where nothing does, `changes` is empty and the version stays. */
interface ChangedCart {
  cart: Cart;
  changes: Changes;
}

/**
 * Makes `after` the version that follows `before`, with `lifetimeMs` to live from `now`. A line that changed is told
 * as `items/SKU`, so that what an event says does not grow with the cart.
 */
export function nextVersion(now: Date, lifetimeMs: number, before: Cart, after: Cart): ChangedCart {
  const { items: linesBefore, ...headerBefore } = before;
  const { items: linesAfter, ...headerAfter } = after;
  const changes = {
    ...changesBetween<object>(headerBefore, headerAfter),
    ...changesBetween<object>(linesBySku(linesBefore, linesAfter), linesBySku(linesAfter, linesBefore)),
  };
  if (Object.keys(changes).length === 0) return { cart: before, changes };
  return {
    cart: {
      ...after,
      version: before.version + 1,
      updated_at: now.toISOString(),
      expires_at: new Date(now.getTime() + lifetimeMs).toISOString(),
    },
    changes,
  };
}

/**
 * Ends a cart: its last version, which no change follows and whose `expires_at` stays as it was. For the step that
 * merges it or lets it expire.
 */
export function closeCart(
  now: Date,
  before: Cart,
  end: { status: "expired" } | { status: "merged"; merged_into: string },
): ChangedCart {
  const after = { ...before, ...end };
  const changes = changesBetween<object>(before, after);
  return { cart: { ...after, version: before.version + 1, updated_at: now.toISOString() }, changes };
}

/** @throws cart_closed, version_mismatch */
export function requireOpen(cart: Cart, expectedVersion: number | undefined): void {
  requireVersion("cart", cart.version, expectedVersion);
  if (cart.status !== "open") throw cartClosed(cart);
}

/** The refusal of what only an open cart can do: it says what became of this one. */
export function cartClosed(
  { status, order_id, merged_into }: Pick<Cart, "status" | "order_id" | "merged_into">,
): AppError {
  const ends = {
    open: "",
    checked_out: "It became an order.",
    merged: "It was merged into another cart.",
    expired: "It has expired.",
  };
  return new AppError("cart_closed", `The cart can no longer change. ${ends[status]}`, {
    errors: [{
      pointer: "path/id",
      code: status,
      message: "Create a new cart.",
      ...order_id !== null && { order_id },
      ...merged_into !== null && { merged_into },
    }],
  });
}

export function cartRefused(errors: FieldError[]): AppError {
  return new AppError("cart_refused", `The cart cannot be so: ${errors[0]!.message}`, { errors });
}

/** The lines by SKU, as `items/SKU`; those that only the other version has are null here. */
function linesBySku(items: CartItem[], others: CartItem[]): Record<string, object | null> {
  return Object.fromEntries([
    ...others.map(({ sku }) => [`items/${sku}`, null]),
    ...items.map(({ sku, ...line }) => [`items/${sku}`, line]),
  ]);
}
