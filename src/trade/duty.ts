import { add, formatAmount, formatDecimal, multiply, parseDecimal, whole } from "../platform/money.ts";
import { type Charge, listed, noCharge, percent, plain, roundOnce } from "./charge.ts";
import { describeExchange, exchangeAmount } from "./convert.ts";
import type { DutyRate, ReferenceRate, Schedule } from "./facts.ts";
import { matchRule } from "./match_rule.ts";
import { comparedValue, type ConsignmentValue, describeThreshold } from "./thresholds.ts";

const GRAMS_PER_KG = 1000n;

/** A line at the border: amounts in minor units of `currency`. */
interface ImportedLine {
  goods: bigint;
  shipping: bigint;
  weightGrams: bigint;
}

/** The rate for goods of this code and origin, if the schedule has one. */
export function findDutyRate(
  { duty_rates }: Schedule,
  hsCode: string | null,
  origin: string | null,
): DutyRate | undefined {
  return matchRule(duty_rates, hsCode, (rate) => rate.origin, origin);
}

/** Duty of one line: a part of its customs value and an amount for each kilogram, rounded as one sum. */
export function dutyCharge(
  line: ImportedLine,
  rate: DutyRate,
  schedule: Schedule,
  currency: string,
  rates: ReferenceRate[],
): Charge {
  const cif = schedule.rules.duty.valuation === "cif";
  const customsValue = cif ? line.goods + line.shipping : line.goods;
  const byValue = multiply(parseDecimal(rate.ad_valorem), whole(customsValue));
  const weighed = { n: BigInt(rate.per_kg) * line.weightGrams, d: GRAMS_PER_KG };
  const byWeight = rate.per_kg === 0
    ? undefined
    : exchangeAmount(weighed, schedule.rules.currency, currency, rates)!;
  return {
    ...roundOnce(byWeight ? add(byValue, byWeight.value) : byValue),
    rule: describeRate(rate, line, cif, schedule),
    rate: rateText(rate, schedule.rules.currency),
    basis: customsValue,
    exchange: byWeight?.exchange ?? null,
    source: schedule.source,
  };
}

/** No duty, as the consignment is at or under the threshold. */
export function dutyFreeCharge(schedule: Schedule, value: ConsignmentValue, rates: ReferenceRate[]): Charge {
  const threshold = schedule.rules.duty.de_minimis!;
  return noCharge(`No duty: ${describeThreshold(threshold, schedule.rules.currency)}`, schedule.source, {
    basis: comparedValue(threshold, value)!,
    exchange: describeExchange(schedule.rules.currency, value.currency, rates),
  });
}

function describeRate(rate: DutyRate, line: ImportedLine, cif: boolean, schedule: Schedule): string {
  const goods = rate.hs_prefix === "" ? "all other goods" : `goods of HS ${rate.hs_prefix}`;
  const origin = rate.origin === null ? "" : ` from ${rate.origin}`;
  const parts = [`${percent(rate.ad_valorem)} of ${cif ? "goods and shipping" : "the goods"}`];
  if (rate.per_kg > 0) {
    const kg = formatDecimal({ n: line.weightGrams, d: GRAMS_PER_KG }, 3);
    parts.push(`${formatAmount(rate.per_kg, schedule.rules.currency)} for each of ${kg} kg`);
  }
  const note = rate.note === null ? "" : ` (${rate.note})`;
  return `Duty on ${goods}${origin}: ${listed(parts)}${note}`;
}

/** "0.12", "1.50 EUR/kg", "0.096 + 1.20 EUR/kg" */
function rateText(rate: DutyRate, currency: string): string {
  const byValue = plain(rate.ad_valorem);
  if (rate.per_kg === 0) return byValue;
  const byWeight = `${formatAmount(rate.per_kg, currency)}/kg`;
  return byValue === "0" ? byWeight : `${byValue} + ${byWeight}`;
}
