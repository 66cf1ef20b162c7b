import type { z } from "@hono/zod-openapi";
import { type Cart, cartClosed } from "../carts/mod.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { landedCost, type ProductFacts, type TradeFacts } from "../trade/mod.ts";
import type { QuoteBody, QuoteDataSchema, QuoteSchema } from "./schemas.ts";

/** What is stored and binds. */
export type QuoteData = z.output<typeof QuoteDataSchema>;
/** The same with what became of it. */
export type Quote = z.output<typeof QuoteSchema>;
export type AskQuote = z.output<typeof QuoteBody>;
/** The same for whichever shipping option. */
export type AskEstimate = Pick<AskQuote, "destination" | "incoterm">;

/** A cart, as far as a quote cares. */
export interface QuotedCart extends Pick<Cart, "status" | "order_id" | "merged_into"> {
  id: string;
  version: number;
  user_id: string | null;
  currency: string;
  destination: string | null;
  expires_at: string;
  items: { sku: string; quantity: number }[];
}

/**
 * Makes the quote for a cart. Pure: the same facts give the same quote.
 *
 * @throws quote_refused, insufficient_stock, cart_closed; each names everything that is wrong
 */
export function draftQuote(
  now: Date,
  validForMs: number,
  shipFrom: string,
  cart: QuotedCart,
  ask: AskQuote,
  products: ReadonlyMap<string, ProductFacts>,
  trade: TradeFacts,
): QuoteData {
  const destination = destinationOf(cart, ask);
  refuseCart(now, cart, products);
  const cost = landedCost({
    destination,
    shipFrom,
    currency: cart.currency,
    incoterm: ask.incoterm,
    shippingOption: ask.shipping_option,
    lines: cart.items.map(({ sku, quantity }) => ({ product: products.get(sku)!, quantity })),
  }, trade);
  return {
    id: newId(),
    cart_id: cart.id,
    cart_version: cart.version,
    user_id: cart.user_id!,
    ship_from: shipFrom,
    destination,
    incoterm: ask.incoterm,
    currency: cart.currency,
    ...cost,
    created_at: now.toISOString(),
    // It ends with its cart.
    expires_at: new Date(Math.min(now.getTime() + validForMs, Date.parse(cart.expires_at))).toISOString(),
  };
}

/** Where the goods go. @throws quote_refused where neither cart nor request says */
export function destinationOf(cart: QuotedCart, ask: AskEstimate): string {
  const destination = ask.destination ?? cart.destination;
  if (destination !== null) return destination;
  throw quoteRefused([{
    pointer: "/destination",
    code: "required",
    message: "the destination is needed, as the cart has none",
  }]);
}

/** @throws cart_closed, quote_refused, insufficient_stock */
export function refuseCart(
  now: Date,
  cart: QuotedCart,
  products: ReadonlyMap<string, ProductFacts>,
): void {
  if (cart.status !== "open") throw cartClosed(cart);
  if (new Date(cart.expires_at) <= now) throw cartClosed({ ...cart, status: "expired" });
  if (cart.items.length === 0) {
    throw quoteRefused([{ pointer: "/items", code: "empty", message: "The cart is empty." }]);
  }
  const gone: FieldError[] = [];
  const short: FieldError[] = [];
  cart.items.forEach(({ sku, quantity }, index) => {
    const product = products.get(sku);
    if (product?.status !== "active") {
      gone.push({ pointer: `/items/${index}`, code: "gone", message: `${sku} is not sold any more.`, sku });
      return;
    }
    const { available } = product;
    if (available >= quantity) return;
    short.push({
      pointer: `/items/${index}/quantity`,
      code: "insufficient_stock",
      message: `${available} of ${sku} are available.`,
      sku,
      requested: quantity,
      available,
    });
  });
  if (gone.length > 0) throw quoteRefused([...gone, ...short]);
  if (short.length > 0) {
    throw new AppError("insufficient_stock", `Not enough in stock: ${short[0]!.message}`, { errors: short });
  }
}

export function quoteRefused(errors: FieldError[]): AppError {
  return new AppError("quote_refused", `There is no quote for this: ${errors[0]!.message}`, { errors });
}
