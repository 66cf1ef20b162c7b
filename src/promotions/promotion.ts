import type { z } from "@hono/zod-openapi";
import type { FieldError } from "../platform/errors.ts";
import { allocate, formatAmount, formatDecimal, parseDecimal, roundHalfEven } from "../platform/money.ts";
import { type Uses, whyNot } from "./running.ts";
import type { PromotionSchema, RedemptionSchema } from "./schemas.ts";

/** A promotion as it is kept, answered and told in events. Amounts in minor units. */
export type Promotion = z.output<typeof PromotionSchema>;
export type Redemption = z.output<typeof RedemptionSchema>;

/**
 * A code that somebody wrote, and what is known of it at that moment: its uses are those of others, without that which the
 * quote of the same cart holds, and the next one takes over.
 */
export interface Coupon extends Uses {
  code: string;
  /** Undefined: there is none with this code. */
  promotion?: Promotion;
}

/** A line before the discount. */
export interface FullLine {
  sku: string;
  category: string | null;
  /** Unit price times quantity, in minor units; null: it has none. */
  price: bigint | null;
}

/** What a line is cheaper by, in minor units, and how that came to be. */
export interface Discount {
  amount: bigint;
  rule: string;
  /** A fraction as text; null: not of a percentage. */
  rate: string | null;
  basis: bigint | null;
  rounding: "exact" | "half_even" | "largest_remainder";
}

/** The codes as they are compared. */
export function codeOf(written: string): string {
  return written.trim().toUpperCase();
}

/**
 * What a coupon takes off of each line; undefined of those that it does not apply to. Or why it cannot be used: for what
 * the goods cost only where all have a price. Pure. Percentages are rounded once for each line, half to even; an amount is
 * split over the lines by largest remainder, so that no minor unit is lost, and is never more than they cost.
 */
export function applyCoupon(
  coupon: Coupon,
  currency: string,
  lines: readonly FullLine[],
): { discounts: (Discount | undefined)[]; refusal?: undefined } | {
  discounts?: undefined;
  refusal: FieldError;
} {
  const { promotion } = coupon;
  if (!promotion) return { refusal: refuse(coupon, "unknown", "is not known") };
  const why = whyNot(promotion, coupon);
  const refusal = why
    ? refuse(coupon, why.reason, why.what, why.facts)
    : refuseCurrency(coupon, promotion, currency);
  if (refusal) return { refusal };
  const isMeant = goodsOf(promotion);
  const prices = lines.map((line) => isMeant(line) ? line.price ?? 0n : 0n);
  const worth = prices.reduce((sum, price) => sum + price, 0n);
  const ruledOut = refuseWorth(coupon, promotion, currency, worth);
  if (ruledOut) return lines.some(({ price }) => price === null) ? { discounts: [] } : { refusal: ruledOut };
  const discounts = promotion.percent_off === null
    ? splitAmount(promotion, currency, prices, worth)
    : prices.map((price) => percentOf(promotion, price));
  return { discounts: discounts.map((discount, index) => prices[index]! > 0n ? discount : undefined) };
}

/** A currency that the amount, or the minimum, is not said in. */
function refuseCurrency(
  coupon: Coupon,
  { amount_off, minimum_subtotal }: Promotion,
  currency: string,
): FieldError | undefined {
  for (const amounts of [amount_off, minimum_subtotal]) {
    if (amounts === null || amounts.some((each) => each.currency === currency)) continue;
    const currencies = amounts.map((each) => each.currency);
    return refuse(coupon, "not_in_currency", `cannot be used in ${currency}`, { currency, currencies });
  }
}

/** None of the goods that it applies to, or too few. */
function refuseWorth(
  coupon: Coupon,
  { minimum_subtotal }: Promotion,
  currency: string,
  worth: bigint,
): FieldError | undefined {
  if (worth === 0n) return refuse(coupon, "not_applicable", "applies to nothing in this order");
  const minimum = minimum_subtotal?.find((each) => each.currency === currency)?.amount ?? 0;
  if (worth >= BigInt(minimum)) return undefined;
  const what = `needs goods for ${formatAmount(minimum, currency)} that it applies to, and these are ` +
    formatAmount(worth, currency);
  return refuse(coupon, "minimum_not_met", what, { minimum_subtotal: minimum, currency });
}

function refuse(
  { code }: Coupon,
  reason: string,
  what: string,
  facts: Partial<FieldError> = {},
): FieldError {
  return {
    pointer: "/coupon_code",
    code: `coupon_${reason}`,
    message: `The coupon ${code} ${what}.`,
    coupon_code: code,
    ...facts,
  };
}

/** Tells of a line whether its goods are those that are named; there may be a thousand of these, and a cart have as many lines. */
export function goodsOf(
  { skus, categories }: Pick<Promotion, "skus" | "categories">,
): (line: Pick<FullLine, "sku" | "category">) => boolean {
  if (skus.length === 0 && categories.length === 0) return () => true;
  const named = { skus: new Set(skus), categories: new Set(categories) };
  return ({ sku, category }) => named.skus.has(sku) || (category !== null && named.categories.has(category));
}

function percentOf({ code, percent_off }: Promotion, price: bigint): Discount {
  const { n, d } = parseDecimal(percent_off!);
  const exact = { n: price * n, d: d * 100n };
  return {
    amount: roundHalfEven(exact),
    rule: `Coupon ${code}: ${formatDecimal({ n, d }, 2)} % off`,
    rate: formatDecimal({ n, d: d * 100n }, 4),
    basis: price,
    rounding: exact.n % exact.d === 0n ? "exact" : "half_even",
  };
}

/** The amount, or all of it where the goods cost less, by what the lines cost. */
function splitAmount(
  { code, amount_off }: Promotion,
  currency: string,
  prices: bigint[],
  worth: bigint,
): Discount[] {
  const stated = BigInt(amount_off!.find((each) => each.currency === currency)!.amount);
  const total = stated < worth ? stated : worth;
  const single = prices.filter((price) => price > 0n).length === 1;
  const off = `${formatAmount(stated, currency)} off`;
  return allocate(total, prices).map((amount) => ({
    amount,
    rule: single ? `Coupon ${code}: ${off}` : `Its share by value of coupon ${code}: ${off}`,
    rate: null,
    basis: single ? null : total,
    rounding: single ? "exact" : "largest_remainder",
  }));
}
