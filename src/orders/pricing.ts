import { type Actor, isStaff } from "../platform/ctx.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { formatAmount, MAX_TOTAL } from "../platform/money.ts";
import { applyCoupon, type Coupon, type Discount, type FullLine } from "../promotions/mod.ts";
import {
  discountCharge,
  explainCharge,
  type ExplanationEntry,
  landedCost,
  type ProductFacts,
  type TradeFacts,
} from "../trade/mod.ts";
import type { Order, OrderItem, PlaceOrder } from "./order.ts";

/** A line whose product is sold. */
export interface WantedLine {
  /** Counted from 1, as the caller wrote them. */
  line: number;
  product: ProductFacts;
  quantity: number;
  /** What staff agreed on instead of the list price. */
  unitPrice?: number;
}

/** What trade knows of an order's goods and destination, and where they are sent from. */
export interface LandedFacts {
  trade: TradeFacts;
  shipFrom: string;
}

/**
 * The lines with their amounts, and how these came to be where trade or a coupon had a say in them; or everything that is
 * against them.
 */
export type Priced =
  | { items: OrderItem[]; explanation?: ExplanationEntry[]; refusals: [] }
  | { items?: undefined; explanation?: undefined; refusals: FieldError[] };

/**
 * Does an order cost what a quote would, with shipping, duty and tax? Whoever names a shipping option asks for that, and
 * customers of a shop that keeps schedules cannot order otherwise, or they would pass by what a checkout makes them pay.
 */
export function isLanded(
  actor: Actor,
  { shipping_option, incoterm }: PlaceOrder,
  keepsSchedules: boolean,
): boolean {
  return shipping_option !== undefined || incoterm !== undefined || (keepsSchedules && !isStaff(actor));
}

/** The lines at their list prices, or at those that staff agreed on, less the coupon, and nothing else. Pure. */
export function priceByList(
  currency: string,
  wanted: readonly WantedLine[],
  coupon: Coupon | undefined,
): Priced {
  const refusals: FieldError[] = [];
  const full: FullLine[] = [];
  let sum = 0;
  const items = wanted.map(({ line, product, quantity, unitPrice }): OrderItem => {
    const unit_price = unitPrice ?? product.prices[currency];
    const pointer = `/items/${line - 1}`;
    const line_total = (unit_price ?? 0) * quantity;
    sum += line_total;
    const { id, sku, name, category, hs_code, country_of_origin, weight_grams } = product;
    full.push({ sku, category, price: unit_price === undefined ? null : BigInt(line_total) });
    if (unit_price === undefined) {
      refusals.push({
        pointer,
        code: "no_price",
        message: `${sku} has no price in ${currency}.`,
        sku,
        currency,
      });
    } else if (sum > MAX_TOTAL) {
      refusals.push({ pointer, code: "amount_too_large", message: "The total is too large." });
    }
    return {
      line,
      product_id: id,
      sku,
      name,
      quantity,
      cancelled: 0,
      shipped: 0,
      returned: 0,
      unit_price: unit_price ?? 0,
      list_price: otherListPrice(product, currency, unit_price),
      discount_amount: 0,
      line_total,
      shipping_amount: 0,
      duty_amount: 0,
      tax_amount: 0,
      shipping_tax_amount: 0,
      hs_code,
      country_of_origin,
      weight_grams,
    };
  });
  if (wanted.length === 0) return { refusals: [] };
  const { discounts, refusal } = coupon ? applyCoupon(coupon, currency, full) : {};
  if (refusal) refusals.push(refusal);
  if (refusals.length > 0) return { refusals };
  return discounts ? discounted(currency, items, discounts) : { items, refusals: [] };
}

/** The lines less what the coupon takes off of them. */
function discounted(currency: string, items: OrderItem[], discounts: (Discount | undefined)[]): Priced {
  const cheaper = items.map((item, index) => {
    const discount_amount = Number(discounts[index]?.amount ?? 0n);
    return { ...item, discount_amount, line_total: item.line_total - discount_amount };
  });
  const explanation = explainGoods({ items, currency }).flatMap((goods, index) => {
    const discount = discounts[index];
    return discount
      ? [goods, explainCharge(items[index]!.line, "discount", discountCharge(discount), true)]
      : [goods];
  });
  return { items: cheaper, explanation, refusals: [] };
}

/** An order of goods and nothing else says it all itself: what they cost before any discount. Pure. */
export function explainGoods({ items, currency }: Pick<Order, "items" | "currency">): ExplanationEntry[] {
  return items.map(({ line, quantity, unit_price, list_price }) => {
    const instead = list_price === null
      ? ""
      : `, agreed instead of the list price of ${formatAmount(list_price, currency)}`;
    return {
      line,
      kind: "goods",
      amount: unit_price * quantity,
      collected: true,
      rule: `${quantity} × ${formatAmount(unit_price, currency)}${instead}`,
      rate: null,
      basis: null,
      exchange: null,
      rounding: "exact",
      source: null,
    };
  });
}

/** The lines as a quote would price them. Pure. */
export function priceLanded(
  { currency, ship_to, incoterm, shipping_option, consignee }: PlaceOrder,
  wanted: readonly WantedLine[],
  { trade, shipFrom }: LandedFacts,
  coupon?: Coupon,
): Priced {
  if (shipping_option === undefined) return { refusals: [optionNeeded(trade)] };
  if (wanted.length === 0) return { refusals: [] };
  try {
    const { lines, explanation, consignee_id } = landedCost({
      destination: ship_to.country,
      shipFrom,
      currency,
      incoterm: incoterm ?? "DDP",
      shippingOption: shipping_option,
      lines: wanted.map(({ product, quantity, unitPrice }) => ({
        product,
        quantity,
        agreedPrice: unitPrice,
      })),
      coupon,
    }, trade);
    if (consignee_id?.required && !consignee) {
      return { refusals: [consigneeNeeded(ship_to.country, consignee_id.name)] };
    }
    const items = lines.map((line, index) =>
      landedItem(line, otherListPrice(wanted[index]!.product, currency, line.unit_price))
    );
    return { items, explanation, refusals: [] };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return {
      refusals: error.errors.map((each) => ({ ...each, pointer: inOrder(each.pointer, wanted) })),
    };
  }
}

/** An order's line of a quote's: what is due on delivery is none of the order's. */
export function landedItem(
  { duty_on_delivery: _, tax_on_delivery: __, ...line }: ReturnType<typeof landedCost>["lines"][number],
  list_price: number | null = null,
): OrderItem {
  return { ...line, cancelled: 0, shipped: 0, returned: 0, list_price };
}

/** The list price, where another one is charged. */
function otherListPrice(
  { prices }: ProductFacts,
  currency: string,
  unitPrice: number | undefined,
): number | null {
  const listPrice = prices[currency] ?? null;
  return unitPrice === listPrice ? null : listPrice;
}

/** A pointer into what was asked of trade, as one into the order's body. */
function inOrder(pointer: string, wanted: readonly WantedLine[]): string {
  if (pointer === "/destination") return "/ship_to/country";
  return pointer.replace(/^\/items\/(\d+)/, (_, index) => `/items/${wanted[Number(index)]!.line - 1}`);
}

function optionNeeded({ shippingOptions }: TradeFacts): FieldError {
  const available = shippingOptions.map(({ code }) => code);
  const why = "as shipping, duty and tax are a part of the price";
  return {
    pointer: "/shipping_option",
    code: "required",
    message: available.length > 0
      ? `a shipping option is needed, one of ${available.join(", ")}, ${why}`
      : `a shipping option is needed, ${why}, but none delivers there`,
    available_options: available,
  };
}

/** What is asked for where customs want to know who receives the goods. */
export function consigneeNeeded(country: string, what: string): FieldError {
  return {
    pointer: "/consignee",
    code: "required",
    message: `is needed by customs of ${country}: ${what}`,
  };
}
