import type { z } from "@hono/zod-openapi";
import { type Cart, cartClosed } from "../carts/mod.ts";
import { insufficientStock, shortageOf } from "../inventory/mod.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import type { Coupon } from "../promotions/mod.ts";
import { landedCost, type ProductFacts, quoteRefused, type TradeFacts } from "../trade/mod.ts";
import type { QuoteBody, QuoteDataSchema, QuoteSchema } from "./schemas.ts";

/** What is stored and binds. */
export type QuoteData = z.output<typeof QuoteDataSchema>;
/** The same with what became of it. */
export type Quote = z.output<typeof QuoteSchema>;
export type AskQuote = z.output<typeof QuoteBody>;
/** The same for whichever shipping option. */
export type AskEstimate = Pick<AskQuote, "destination" | "incoterm">;

/** A cart, as far as a quote cares. */
export type QuotedCart = Omit<Cart, "items" | "note" | "metadata" | "created_at" | "updated_at"> & {
  items: { sku: string; quantity: number }[];
};

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
  coupon?: Coupon,
): QuoteData {
  const destination = destinationOf(cart, ask);
  const cost = priceLines(now, cart, products, (lines) =>
    landedCost({
      destination,
      shipFrom,
      currency: cart.currency,
      incoterm: ask.incoterm,
      shippingOption: ask.shipping_option,
      lines,
      coupon,
    }, trade));
  return {
    id: newId(),
    cart_id: cart.id,
    cart_version: cart.version,
    user_id: cart.user_id!,
    ship_from: shipFrom,
    destination,
    incoterm: ask.incoterm,
    currency: cart.currency,
    coupon_code: coupon?.code ?? null,
    ...cost,
    created_at: now.toISOString(),
    // It ends with its cart.
    expires_at: new Date(Math.min(now.getTime() + validForMs, Date.parse(cart.expires_at))).toISOString(),
  };
}

/** A quote as it was stored; what is from before there were coupons says nothing of them. */
export function completeQuote(stored: QuoteData): QuoteData {
  if (stored.discount_total !== undefined) return stored;
  const lines = stored.lines.map((line) => ({ ...line, discount_amount: 0 }));
  return { ...stored, lines, coupon_code: null, discount_total: 0 };
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

/** A line of a cart whose product is sold, and where it stands there. */
interface SoldLine {
  index: number;
  product: ProductFacts;
  quantity: number;
}

/**
 * What `price` makes of a cart's lines. Pure, as far as that is.
 *
 * @throws cart_closed, quote_refused, insufficient_stock; with all that is in the way: of the goods, of their stock, and
 *   what `price` refuses those for that are sold
 */
export function priceLines<T>(
  now: Date,
  cart: QuotedCart,
  products: ReadonlyMap<string, ProductFacts>,
  price: (lines: SoldLine[]) => T,
): T {
  if (cart.status !== "open") throw cartClosed(cart);
  if (new Date(cart.expires_at) <= now) throw cartClosed({ ...cart, status: "expired" });
  if (cart.items.length === 0) {
    throw quoteRefused([{ pointer: "/items", code: "empty", message: "The cart is empty." }]);
  }
  const refusals: FieldError[] = [];
  const sold = cart.items.flatMap(({ sku, quantity }, index): SoldLine[] => {
    const product = products.get(sku);
    if (product?.status === "active") return [{ index, product, quantity }];
    refusals.push({ pointer: `/items/${index}`, code: "gone", message: `${sku} is not sold any more.`, sku });
    return [];
  });
  let priced: T | undefined;
  try {
    if (sold.length > 0) priced = price(sold);
  } catch (error) {
    refusals.push(...refusedInCart(error, sold));
  }
  const short = sold.filter(({ product, quantity }) => quantity > product.available)
    .map(({ index, product, quantity }) => shortageOf(index, product, quantity));
  if (refusals.length > 0) throw quoteRefused([...refusals, ...short]);
  if (short.length > 0) throw insufficientStock(short);
  return priced!;
}

/** What is refused of a line is said of its place in the cart. @throws what is no refusal */
function refusedInCart(error: unknown, sold: SoldLine[]): FieldError[] {
  if (!(error instanceof AppError) || error.code !== "quote_refused") throw error;
  const inCart = (pointer: string) =>
    pointer.replace(/^\/items\/(\d+)/, (_, line) => `/items/${sold[Number(line)]!.index}`);
  return error.errors.map((each) => ({ ...each, pointer: inCart(each.pointer) }));
}
