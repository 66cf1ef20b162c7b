import { multiply, parseDecimal, roundHalfEven, whole } from "../platform/money.ts";
import { type Charge, listed, noCharge, percent, plain, roundOnce } from "./charge.ts";
import { describeExchange } from "./convert.ts";
import type { ReferenceRate, Schedule, TradeRules } from "./facts.ts";
import { matchRule } from "./match_rule.ts";
import { comparedValue, type ConsignmentValue, describeThreshold } from "./thresholds.ts";

type TaxRate = TradeRules["tax"]["rates"][number];
type TaxBase = TradeRules["tax"]["base"][number];

/** What is taxed where no border is crossed. */
const DOMESTIC_BASE: TaxBase[] = ["goods", "shipping"];

/** The rate for goods of this code and category, if the schedule has one. */
export function findTaxRate(
  { rules }: Schedule,
  hsCode: string | null,
  category: string | null,
): TaxRate | undefined {
  return matchRule(rules.tax.rates, hsCode, (rate) => rate.category, category);
}

/** Tax of one line on those of its amounts that the destination taxes. */
export function taxCharge(
  amounts: Record<TaxBase, bigint>,
  rate: TaxRate,
  schedule: Schedule,
  { domestic, sellerCollects }: { domestic: boolean; sellerCollects: boolean },
): Charge {
  const { tax, currency } = schedule.rules;
  const importBase = sellerCollects ? tax.seller_base ?? tax.base : tax.base;
  const base = domestic ? DOMESTIC_BASE : [...new Set(importBase)];
  const basis = base.reduce((sum, part) => sum + amounts[part], 0n);
  const why = sellerCollects && tax.collected_by_seller_up_to
    ? `; collected at checkout${tax.scheme ? ` under ${tax.scheme}` : ""}: ` +
      describeThreshold(tax.collected_by_seller_up_to, currency)
    : "";
  const charged = roundOnce(multiply(parseDecimal(rate.rate), whole(basis)));
  const onShipping = base.includes("shipping") && basis > 0n
    ? roundHalfEven({ n: charged.amount * amounts.shipping, d: basis })
    : 0n;
  return {
    ...charged,
    onShipping,
    rule: `${tax.name}${describeGoods(rate)}: ${percent(rate.rate)} of ${listed(base)}${
      rate.note === null ? "" : ` (${rate.note})`
    }${why}`,
    rate: plain(rate.rate),
    basis,
    exchange: null,
    source: schedule.source,
  };
}

/** No tax, as the consignment is at or under the threshold. */
export function taxFreeCharge(schedule: Schedule, value: ConsignmentValue, rates: ReferenceRate[]): Charge {
  const threshold = schedule.rules.tax.de_minimis!;
  const rule = `No ${schedule.rules.tax.name}: ${describeThreshold(threshold, schedule.rules.currency)}`;
  return noCharge(rule, schedule.source, {
    basis: comparedValue(threshold, value)!,
    exchange: describeExchange(schedule.rules.currency, value.currency, rates),
  });
}

function describeGoods({ hs_prefix, category }: TaxRate): string {
  const goods = [
    ...(hs_prefix === "" ? [] : [`HS ${hs_prefix}`]),
    ...(category === null ? [] : [`category ${category}`]),
  ];
  return goods.length === 0 ? "" : ` on ${listed(goods)}`;
}
