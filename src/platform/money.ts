import { data as currencies } from "currency-codes";

/** Codes of ISO 4217 that stand for no money: for tests, and for transactions without any. */
const NO_MONEY = ["XTS", "XXX"];
/** In the standard, but not in the package: the Caribbean guilder took the place of ANG on 31 March 2025. */
const NEWER: [code: string, digits: number][] = [["XCG", 2]];
const DIGITS = new Map([
  ...currencies.filter(({ code }) => !NO_MONEY.includes(code)).map(({ code, digits }) =>
    [code, digits] as const
  ),
  ...NEWER,
]);

/**
 * The most that an order may cost, in minor units: ten billion euros, say. Sums over thousands of such orders are still
 * numbers that JSON and JavaScript hold exactly (2^53).
 */
export const MAX_TOTAL = 1_000_000_000_000;

/** A number without loss: `n / d`, with d above 0. */
export interface Rational {
  n: bigint;
  d: bigint;
}

/** Units of `currency` for one euro, as a decimal number in text; euro's own is "1". */
export interface EuroRate {
  currency: string;
  rate: string;
}

/** Is this an ISO 4217 currency code in use, in capitals? */
export function isCurrency(code: string): boolean {
  return DIGITS.has(code);
}

/**
 * How many decimal digits a currency's minor unit has (ISO 4217): EUR 2, JPY 0, KWD 3.
 *
 * @throws RangeError for what is no currency
 */
export function currencyDigits(code: string): number {
  const digits = DIGITS.get(code);
  if (digits === undefined) throw new RangeError(`${code} is no ISO 4217 currency code`);
  return digits;
}

/** "0.12" → 12/100. @throws RangeError for anything but digits with one point among them */
export function parseDecimal(text: string): Rational {
  const [, whole, fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) throw new RangeError(`${text} is not a decimal number`);
  return { n: BigInt(whole + fraction), d: 10n ** BigInt(fraction.length) };
}

/** With at most `digits` decimal digits, rounded half to even, without idle zeros: 12/100 → "0.12". */
export function formatDecimal(value: Rational, digits: number): string {
  const scaled = roundHalfEven({ n: value.n * 10n ** BigInt(digits), d: value.d });
  const text = withPoint(scaled, digits);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** In the currency's main unit: 1299 EUR → "12.99", 1299 JPY → "1299". */
export function decimalOf(minor: number | bigint, currency: string): string {
  return withPoint(BigInt(minor), currencyDigits(currency));
}

/** For people: 1299 EUR → "12.99 EUR", 1299 JPY → "1299 JPY". */
export function formatAmount(minor: number | bigint, currency: string): string {
  return `${decimalOf(minor, currency)} ${currency}`;
}

export function whole(value: number | bigint): Rational {
  return { n: BigInt(value), d: 1n };
}

export function add(a: Rational, b: Rational): Rational {
  return { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

export function multiply(a: Rational, b: Rational): Rational {
  return { n: a.n * b.n, d: a.d * b.d };
}

/** Below 0: a is less; above 0: a is more. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.n * b.d - b.n * a.d;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

/**
 * To the nearest whole number, and from the middle to the even one, so that many roundings do not drift: 2.5 → 2,
 * 3.5 → 4. It is roundTiesToEven of IEEE 754-2019, 4.3.1.
 */
export function roundHalfEven({ n, d }: Rational): bigint {
  const remainder = ((n % d) + d) % d;
  const floor = (n - remainder) / d;
  const twice = 2n * remainder;
  const up = twice > d || (twice === d && floor % 2n !== 0n);
  return up ? floor + 1n : floor;
}

/**
 * Splits a whole in proportion to `weights` so that the shares add up to it: each gets its quota rounded down, and
 * what is left goes one by one to the largest remainders, of equal ones to the first. Hamilton's method of
 * apportionment (Balinski and Young, Fair Representation, 1982). No share is a unit or more from its quota.
 *
 * @throws RangeError if a number is negative or every weight is 0
 */
export function allocate(total: bigint, weights: bigint[]): bigint[] {
  const sum = weights.reduce((a, b) => a + b, 0n);
  if (sum <= 0n || total < 0n || weights.some((weight) => weight < 0n)) {
    throw new RangeError("a whole is split by weights of which at least one is above 0 and none below");
  }
  const shares = weights.map((weight) => total * weight / sum);
  const left = Number(total - shares.reduce((a, b) => a + b, 0n));
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: total * weight % sum }))
    .sort((a, b) => a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1);
  for (const { index } of byRemainder.slice(0, left)) shares[index]! += 1n;
  return shares;
}

/**
 * An amount in minor units of `from` as one in minor units of `to`, exactly: the cross rate over the euro, and the
 * difference of their minor units. Round it once, at the end.
 */
export function convert(amount: Rational, from: EuroRate, to: EuroRate): Rational {
  const { n, d } = multiply(amount, crossRate(from, to));
  return {
    n: n * 10n ** BigInt(currencyDigits(to.currency)),
    d: d * 10n ** BigInt(currencyDigits(from.currency)),
  };
}

/** Whole units of `to` for one whole unit of `from`. */
export function crossRate(from: EuroRate, to: EuroRate): Rational {
  const [divisor, factor] = [parseDecimal(from.rate), parseDecimal(to.rate)];
  return { n: factor.n * divisor.d, d: factor.d * divisor.n };
}

function withPoint(value: bigint, digits: number): string {
  if (value < 0n) return `-${withPoint(-value, digits)}`;
  const text = String(value).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
