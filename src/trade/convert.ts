import { convert, crossRate, type EuroRate, formatDecimal, type Rational } from "../platform/money.ts";
import type { ExplanationEntry, ReferenceRate } from "./facts.ts";

export type Exchange = NonNullable<ExplanationEntry["exchange"]>;

/**
 * As many decimals of a cross rate are told, and as many digits that say something: of a rupiah's rate in dinars twelve
 * decimals are eight digits, and whoever checked a price by them got another. It is applied in full.
 */
const TOLD_DIGITS = 12;

/** An exact amount in minor units of the currency asked for, and the exchange that it took, if any. */
interface Converted {
  value: Rational;
  exchange: Exchange | null;
}

/** Converts minor units of `from` to those of `to` over the euro. @returns undefined without a rate for both */
export function exchangeAmount(
  amount: Rational,
  from: string,
  to: string,
  rates: ReferenceRate[],
): Converted | undefined {
  if (from === to) return { value: amount, exchange: null };
  const [divisor, factor] = [findRate(from, rates), findRate(to, rates)];
  if (!divisor || !factor) return undefined;
  return { value: convert(amount, divisor, factor), exchange: describe(divisor, factor) };
}

/** The exchange of `from` for `to`, for the record; null if they are one. Both rates are known to be there. */
export function describeExchange(from: string, to: string, rates: ReferenceRate[]): Exchange | null {
  return from === to ? null : describe(findRate(from, rates)!, findRate(to, rates)!);
}

function findRate(currency: string, rates: ReferenceRate[]): EuroRate | ReferenceRate | undefined {
  return currency === "EUR" ? { currency, rate: "1" } : rates.find((rate) => rate.currency === currency);
}

/** A cross rate is as old as the older of its two. */
function describe(from: EuroRate | ReferenceRate, to: EuroRate | ReferenceRate): Exchange {
  const published = [from, to].filter((rate): rate is ReferenceRate => "as_of" in rate);
  return {
    from: from.currency,
    to: to.currency,
    rate: told(crossRate(from, to)),
    as_of: published.map(({ as_of }) => as_of).sort()[0]!,
    source: [...new Set(published.map(({ source }) => source))].join("; "),
  };
}

function told(rate: Rational): string {
  const idle = Math.max(0, String(rate.d / rate.n).length - 1);
  return formatDecimal(rate, TOLD_DIGITS + idle);
}
