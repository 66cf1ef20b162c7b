import { formatAmount, whole } from "../platform/money.ts";
import { type Charge, roundOnce } from "./charge.ts";
import { type Exchange, exchangeAmount } from "./convert.ts";
import type { ReferenceRate, TradeProduct } from "./facts.ts";

/** What one piece costs in the currency asked for. */
export interface UnitPrice {
  amount: bigint;
  rounding: Charge["rounding"];
  /** The list price it was taken from, and the exchange if that is in another currency; null: it was agreed on. */
  listed: { currency: string; amount: number } | null;
  exchange: Exchange | null;
}

/**
 * The product's own price in `currency`; else its euro price converted, else the first by currency code that can be.
 *
 * @returns undefined where there is no price, no rate to convert one by, or nothing left of it in `currency`
 */
export function findUnitPrice(
  product: TradeProduct,
  currency: string,
  rates: ReferenceRate[],
): UnitPrice | undefined {
  for (const listed of pricesInOrder(product, currency)) {
    const converted = exchangeAmount(whole(listed.amount), listed.currency, currency, rates);
    const price = converted && roundOnce(converted.value);
    // What has a price is not sold for nothing because it is less than half a minor unit.
    if (price && (price.amount > 0n || listed.amount === 0)) {
      return { ...price, listed, exchange: converted.exchange };
    }
  }
}

/** The price of a line: the unit price, rounded once, times the quantity. */
export function goodsCharge(price: UnitPrice, quantity: number, currency: string): Charge {
  const { amount, rounding, listed, exchange } = price;
  const origin = !listed
    ? "the agreed price"
    : exchange
    ? `converted from ${formatAmount(listed.amount, listed.currency)} a piece`
    : "the list price";
  return {
    amount: amount * BigInt(quantity),
    rule: `${quantity} × ${formatAmount(amount, currency)}, ${origin}`,
    rate: null,
    basis: null,
    exchange,
    rounding,
    source: null,
  };
}

/** A price that was agreed on, whatever the product's list price. */
export function agreedUnitPrice(amount: number): UnitPrice {
  return { ...roundOnce(whole(amount)), listed: null, exchange: null };
}

function pricesInOrder(product: TradeProduct, currency: string): { currency: string; amount: number }[] {
  const place = (code: string) => code === currency ? 0 : code === "EUR" ? 1 : 2;
  return Object.entries(product.prices)
    .map(([currency, amount]) => ({ currency, amount }))
    .sort((a, b) => place(a.currency) - place(b.currency) || (a.currency < b.currency ? -1 : 1));
}
