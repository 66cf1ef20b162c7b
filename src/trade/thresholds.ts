import { compare, formatAmount, whole } from "../platform/money.ts";
import { exchangeAmount } from "./convert.ts";
import type { ReferenceRate, Schedule, TradeRules } from "./facts.ts";

export type Threshold = NonNullable<TradeRules["duty"]["de_minimis"]>;

/** What a consignment is worth, in minor units of the currency asked for; undefined as long as it is not known. */
export interface ConsignmentValue {
  currency: string;
  goods: bigint | undefined;
  shipping: bigint | undefined;
}

/** What an import is spared, and who collects its tax. Undefined: cannot be said yet, as a fact is missing. */
export interface Reliefs {
  dutyFree: boolean | undefined;
  /** Its duty is the flat one of `duty.low_value`, not by rates. */
  flatDuty: boolean | undefined;
  taxFree: boolean | undefined;
  sellerCollects: boolean | undefined;
}

/** Compares an import with its destination's thresholds. At the threshold is within it; nothing is rounded. */
export function judgeReliefs(schedule: Schedule, value: ConsignmentValue, rates: ReferenceRate[]): Reliefs {
  const { duty, tax, currency } = schedule.rules;
  const judge = (threshold: Threshold | null | undefined) => isWithin(threshold, currency, value, rates);
  return {
    dutyFree: judge(duty.de_minimis),
    flatDuty: judge(duty.low_value?.up_to),
    taxFree: judge(tax.de_minimis),
    sellerCollects: judge(tax.collected_by_seller_up_to),
  };
}

/** What of the consignment a threshold is compared with, in minor units of the currency asked for. */
export function comparedValue(
  { basis }: Threshold,
  { goods, shipping }: ConsignmentValue,
): bigint | undefined {
  if (basis === "goods") return goods;
  return goods === undefined || shipping === undefined ? undefined : goods + shipping;
}

/** "the goods are worth no more than 150.00 EUR" */
export function describeThreshold({ basis, amount }: Threshold, currency: string): string {
  const what = basis === "goods" ? "the goods are" : "goods and shipping are";
  return `${what} worth no more than ${formatAmount(amount, currency)}`;
}

function isWithin(
  threshold: Threshold | null | undefined,
  currency: string,
  value: ConsignmentValue,
  rates: ReferenceRate[],
): boolean | undefined {
  if (!threshold) return false;
  const compared = comparedValue(threshold, value);
  if (compared === undefined) return undefined;
  const converted = exchangeAmount(whole(compared), value.currency, currency, rates);
  return converted && compare(converted.value, whole(threshold.amount)) <= 0;
}
