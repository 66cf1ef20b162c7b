import type { z } from "@hono/zod-openapi";
import { MAX_ENTRIES, mergeEntries } from "../platform/entries.ts";
import type { FieldError } from "../platform/errors.ts";
import { type Cart, type CartItem, cartRefused, MAX_LINES, MAX_QUANTITY, type Products } from "./cart.ts";
import type { ChangeCartBody } from "./schemas.ts";

export type ChangeCart = z.infer<typeof ChangeCartBody>;

/** Units of a SKU, and where the request says so. */
interface Wish {
  sku: string;
  quantity: number;
  /** Of the SKU and of the quantity: JSON Pointers, or `path/sku`. */
  pointers: { sku: string; quantity: string };
}

/**
 * The lines with these units added. Those of a SKU that is there already grow, at today's price.
 *
 * @throws cart_refused names every unit that cannot be added, and why
 */
export function addLines(
  cart: Pick<Cart, "currency" | "items">,
  wishes: Wish[],
  products: Products,
): CartItem[] {
  const quantities = new Map(cart.items.map(({ sku, quantity }) => [sku, quantity]));
  return setLines(
    cart,
    wishes.map((wish) => {
      const quantity = (quantities.get(wish.sku) ?? 0) + wish.quantity;
      quantities.set(wish.sku, quantity);
      return { ...wish, quantity };
    }),
    products,
  );
}

/** The lines with so many units of these SKUs, at today's price, new ones at the end. @throws as {@link addLines} */
export function setLines(
  { currency, items }: Pick<Cart, "currency" | "items">,
  wishes: Wish[],
  products: Products,
): CartItem[] {
  const refusals = wishes.flatMap((wish) => refuseWish(wish, products));
  if (refusals.length > 0) throw cartRefused(refusals);
  const lines = new Map(items.map((item) => [item.sku, item]));
  for (const { sku, quantity } of wishes) {
    lines.set(sku, { sku, quantity, added_price: products.get(sku)!.prices[currency] ?? null });
  }
  if (lines.size > MAX_LINES) {
    throw cartRefused([{
      pointer: wishes.at(-1)!.pointers.sku,
      code: "too_many_lines",
      message: `A cart has at most ${MAX_LINES} lines.`,
    }]);
  }
  return [...lines.values()];
}

function refuseWish({ sku, quantity, pointers }: Wish, products: Products): FieldError[] {
  const product = products.get(sku);
  if (!product || product.status === "draft") {
    return [{ pointer: pointers.sku, code: "unknown_product", message: "There is no such product.", sku }];
  }
  if (product.status === "archived") {
    return [{
      pointer: pointers.sku,
      code: "product_archived",
      message: `${sku} is not sold any more.`,
      sku,
    }];
  }
  if (quantity > MAX_QUANTITY) {
    return [{
      pointer: pointers.quantity,
      code: "too_many",
      message: `A line has at most ${MAX_QUANTITY} units.`,
      sku,
      quantity,
    }];
  }
  return [];
}

/** The cart with other facts about it; in another currency its lines count as added at today's price there. */
export function patched(cart: Cart, change: ChangeCart, products: Products): Cart {
  const { currency, destination, note, coupon_code, metadata } = change;
  return {
    ...cart,
    ...currency !== undefined && currency !== cart.currency && {
      currency,
      items: cart.items.map((item) => ({
        ...item,
        added_price: products.get(item.sku)?.prices[currency] ?? null,
      })),
    },
    ...destination !== undefined && { destination },
    ...note !== undefined && { note },
    ...coupon_code !== undefined && { coupon_code },
    ...metadata !== undefined && { metadata: mergeEntries("metadata", cart.metadata, metadata) },
  };
}

/**
 * A user's cart after it took over a guest's. Of a SKU that is in both the line with more units counts (of equal ones
 * the user's), so that what was put into both is not bought twice; the other lines come after. Destination, note and
 * coupon are the user's where set. Metadata of the guest's come after the user's while there is room.
 *
 * @throws cart_refused for more lines than a cart can have
 */
export function merged(cart: Cart, guest: Cart): Cart {
  const lines = new Map(cart.items.map((item) => [item.sku, item]));
  for (const item of guest.items) {
    if (item.quantity > (lines.get(item.sku)?.quantity ?? 0)) lines.set(item.sku, item);
  }
  if (lines.size > MAX_LINES) {
    throw cartRefused([{
      pointer: "path/id",
      code: "too_many_lines",
      message: `Together the carts have ${lines.size} lines; a cart has at most ${MAX_LINES}.`,
      cart_id: cart.id,
    }]);
  }
  // The user's are counted first: keys that are numbers come first in an object, whoever they are of.
  const metadata = [
    ...Object.entries(cart.metadata),
    ...Object.entries(guest.metadata).filter(([key]) => !Object.hasOwn(cart.metadata, key)),
  ];
  return {
    ...cart,
    items: [...lines.values()],
    destination: cart.destination ?? guest.destination,
    note: cart.note ?? guest.note,
    coupon_code: cart.coupon_code ?? guest.coupon_code,
    metadata: Object.fromEntries(metadata.slice(0, MAX_ENTRIES)),
  };
}
