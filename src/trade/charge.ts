import type { Discount } from "../promotions/mod.ts";
import { formatDecimal, parseDecimal, type Rational, roundHalfEven } from "../platform/money.ts";
import type { ExplanationEntry } from "./facts.ts";

/** An amount of one line and how it came to be, before it is known who collects it. */
export interface Charge extends Pick<ExplanationEntry, "rule" | "rate" | "exchange" | "rounding" | "source"> {
  amount: bigint;
  basis: bigint | null;
  /** Of a tax: what of it is on the shipping. */
  onShipping?: bigint;
}

/** Nothing is charged, and `rule` says why. */
export function noCharge(
  rule: string,
  source: Charge["source"],
  known: Pick<Charge, "basis" | "exchange"> = { basis: null, exchange: null },
): Charge {
  return { amount: 0n, rule, rate: null, ...known, rounding: "exact", source };
}

/** What a coupon takes off. */
export function discountCharge({ amount, ...discount }: Discount): Charge {
  return { ...discount, amount: -amount, exchange: null, source: null };
}

/** A line's charge as it is told; what is not collected at checkout is due on delivery. */
export function explainCharge(
  line: number,
  kind: ExplanationEntry["kind"],
  { onShipping: _, amount, basis, ...how }: Charge,
  collected: boolean,
): ExplanationEntry {
  const inNumbers = { amount: Number(amount), basis: basis === null ? null : Number(basis) };
  return { line, kind, ...inNumbers, collected, ...how };
}

/** The one rounding of a line's charge. */
export function roundOnce(value: Rational): Pick<Charge, "amount" | "rounding"> {
  return { amount: roundHalfEven(value), rounding: value.n % value.d === 0n ? "exact" : "half_even" };
}

/** "0.120000" → "0.12", as the database pads fractions with zeros. */
export function plain(fraction: string): string {
  return formatDecimal(parseDecimal(fraction), 6);
}

/** "0.125" → "12.5 %" */
export function percent(fraction: string): string {
  const { n, d } = parseDecimal(fraction);
  return `${formatDecimal({ n: n * 100n, d }, 6)} %`;
}

/** "goods, shipping and duty" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
