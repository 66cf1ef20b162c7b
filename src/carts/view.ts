import type { z } from "@hono/zod-openapi";
import { applyCoupon, type Coupon } from "../promotions/mod.ts";
import { findRestrictions, type ProductFacts, type TradeFacts } from "../trade/mod.ts";
import type { Cart, CartItem, Products } from "./cart.ts";
import type { NewCartSchema, PricedCartSchema } from "./schemas.ts";

/** A cart as it is answered. */
export type PricedCart = z.infer<typeof PricedCartSchema>;
/** The same with the token of the guest who has just created it. */
export type NewCart = z.infer<typeof NewCartSchema>;
type PricedItem = PricedCart["items"][number];
type Problem = PricedCart["problems"][number];

/**
 * The cart with the prices and the stock of its products as they are now. What has changed since a line was set, or
 * stands against an order, is a problem of that line and no error. Pure.
 *
 * @param trade what its destination's law says
 */
export function priceCart(
  cart: Cart,
  products: Products,
  trade?: TradeFacts,
  coupon?: Coupon,
): PricedCart {
  const problems: Problem[] = [];
  let full = 0;
  const atFullPrice = cart.items.map((item, index): PricedItem => {
    const product = products.get(item.sku);
    const priced = priceItem(item, product, cart.currency);
    const tooLarge = !Number.isSafeInteger(full + (priced.line_total ?? 0));
    if (tooLarge) priced.line_total = null;
    full += priced.line_total ?? 0;
    const found = [
      ...findProblems(cart, item, product),
      ...tooLarge
        ? [{ code: "amount_too_large" as const, message: "The amount is too large to be counted." }]
        : [],
      ...findRestriction(cart, product, trade),
    ];
    for (const { code, message, ...facts } of found) {
      problems.push({ code, sku: item.sku, pointer: `/items/${index}`, message, ...facts });
    }
    return priced;
  });
  const { items, problem } = coupon
    ? discounted(atFullPrice, cart.currency, products, coupon)
    : { items: atFullPrice };
  if (problem) problems.push(problem);
  const discount_total = items.reduce((sum, { discount_amount }) => sum + discount_amount, 0);
  return {
    id: cart.id,
    user_id: cart.user_id,
    status: cart.status,
    currency: cart.currency,
    destination: cart.destination,
    items,
    discount_total,
    subtotal: full - discount_total,
    problems,
    note: cart.note,
    coupon_code: cart.coupon_code,
    metadata: cart.metadata,
    order_id: cart.order_id,
    merged_into: cart.merged_into,
    version: cart.version,
    created_at: cart.created_at,
    updated_at: cart.updated_at,
    expires_at: cart.expires_at,
  };
}

/** Drafts are not to be seen by customers; what is archived keeps its name. */
function priceItem(
  { sku, quantity }: CartItem,
  product: ProductFacts | undefined,
  currency: string,
): PricedItem {
  const known = product && product.status !== "draft" ? product : undefined;
  const sold = product?.status === "active" ? product : undefined;
  const unit_price = sold?.prices[currency] ?? null;
  return {
    sku,
    product_id: known?.id ?? null,
    name: known?.name ?? null,
    quantity,
    unit_price,
    discount_amount: 0,
    line_total: unit_price === null ? null : unit_price * quantity,
    available: sold?.available ?? 0,
  };
}

/** The lines less what the coupon takes off of them, where they have a price; or why it cannot be used. */
function discounted(
  full: PricedItem[],
  currency: string,
  products: Products,
  coupon: Coupon,
): { items: PricedItem[]; problem?: Problem } {
  const lines = full.map(({ sku, line_total }) => ({
    sku,
    category: products.get(sku)?.category ?? null,
    price: line_total === null ? null : BigInt(line_total),
  }));
  const { discounts, refusal } = applyCoupon(coupon, currency, lines);
  if (refusal) {
    const { pointer, code: reason, message } = refusal;
    return { items: full, problem: { code: "coupon", sku: null, pointer, message, reason } };
  }
  const items = full.map((item, index) => {
    const discount_amount = Number(discounts[index]?.amount ?? 0n);
    return discount_amount === 0
      ? item
      : { ...item, discount_amount, line_total: item.line_total! - discount_amount };
  });
  return { items };
}

type Finding = Omit<Problem, "sku" | "pointer">;

function findProblems(
  { currency }: Cart,
  { sku, quantity, added_price: from }: CartItem,
  product: ProductFacts | undefined,
): Finding[] {
  if (product?.status !== "active") return [{ code: "gone", message: `${sku} is not sold any more.` }];
  const findings: Finding[] = [];
  const { available, prices } = product;
  const to = prices[currency];
  if (available < quantity) {
    findings.push({ code: "short", message: `${available} of ${sku} are available.`, available });
  }
  if (to === undefined) {
    findings.push({
      code: "no_price",
      message:
        `${sku} has no price in ${currency}: a quote converts another where there is an exchange rate.`,
      currency,
    });
  } else if (from !== null && from !== to) {
    findings.push({
      code: "price_changed",
      message: `The price of ${sku} has changed since it was put into the cart.`,
      from,
      to,
    });
  }
  return findings;
}

/** The rule that keeps a line out of the destination; of several one that forbids it, before those that ask for a licence. */
function findRestriction(
  { destination }: Cart,
  product: ProductFacts | undefined,
  trade: TradeFacts | undefined,
): Finding[] {
  if (destination === null || product?.status !== "active" || !trade?.schedule) return [];
  const hsCode = trade.hsCodes[product.id] ?? product.hs_code;
  const found = findRestrictions(product, hsCode, trade.schedule);
  const restriction = found.find(({ rule }) => rule.verdict === "forbidden") ?? found[0];
  if (!restriction) return [];
  const { message, rule: { verdict, reason } } = restriction;
  return [{ code: "not_shippable", message, destination, verdict, reason }];
}
