import { allocate, formatAmount, whole } from "../platform/money.ts";
import { type Charge, roundOnce } from "./charge.ts";
import { exchangeAmount } from "./convert.ts";
import type { ReferenceRate, Schedule, TradeProduct } from "./facts.ts";
import { splitBy } from "./split_by.ts";
import { comparedValue, type ConsignmentValue, describeThreshold } from "./thresholds.ts";

/** Below these, the Harmonized System leaves the digits of a code to each country. */
const SUBHEADING_DIGITS = 6;

/** A line at the border; the value of its goods in the currency asked for. */
interface FlatDutyLine {
  hsCode: string;
  goods: bigint;
  product: TradeProduct;
  quantity: number;
}

/**
 * Duty of each line of a consignment of little value: a flat amount for each HS subheading in it, converted and rounded
 * once, and split over the lines of that subheading. The schedule has a `duty.low_value`, and a rate to convert it by.
 */
export function flatDutyCharges(
  lines: FlatDutyLine[],
  schedule: Schedule,
  value: ConsignmentValue,
  rates: ReferenceRate[],
): Charge[] {
  const charges = new Map<FlatDutyLine, Charge>();
  const subheadings = Map.groupBy(lines, ({ hsCode }) => hsCode.slice(0, SUBHEADING_DIGITS));
  for (const [subheading, alike] of subheadings) {
    const shares = splitFlatDuty(subheading, alike, schedule, value, rates);
    alike.forEach((line, index) => charges.set(line, shares[index]!));
  }
  return lines.map((line) => charges.get(line)!);
}

function splitFlatDuty(
  subheading: string,
  lines: FlatDutyLine[],
  { rules, source }: Schedule,
  value: ConsignmentValue,
  rates: ReferenceRate[],
): Charge[] {
  const { currency, duty: { low_value } } = rules;
  const { per_subheading, up_to } = low_value!;
  const { value: exact, exchange } = exchangeAmount(whole(per_subheading), currency, value.currency, rates)!;
  const { amount: total, rounding } = roundOnce(exact);
  const [by, weights] = splitBy(lines, lines.map(({ goods }) => goods));
  const single = lines.length === 1;
  const stated = formatAmount(per_subheading, currency);
  const told = exchange ? `${formatAmount(total, value.currency)}, converted from ${stated},` : stated;
  const duty = `duty on goods of HS ${subheading}: ${told} whatever the quantity, as ` +
    describeThreshold(up_to, currency);
  return allocate(total, weights).map((amount) => ({
    amount,
    rule: single ? `Flat ${duty}` : `Its share by ${by} of the flat ${duty}`,
    rate: `${stated}/item`,
    basis: comparedValue(up_to, value)!,
    exchange,
    rounding: single ? rounding : "largest_remainder",
    source,
  }));
}
