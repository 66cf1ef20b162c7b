import type { FieldError } from "../platform/errors.ts";
import { MAX_TOTAL, whole } from "../platform/money.ts";
import { applyCoupon, type Discount } from "../promotions/mod.ts";
import { type Charge, discountCharge, explainCharge, noCharge } from "./charge.ts";
import { exchangeAmount } from "./convert.ts";
import { isDomestic } from "./customs_territory.ts";
import { dutyCharge, dutyFreeCharge, findDutyRate } from "./duty.ts";
import type {
  ExplanationEntry,
  LandedCost,
  LandedCostInput,
  LandedLine,
  Schedule,
  TradeFacts,
  TradeProduct,
} from "./facts.ts";
import { flatDutyCharges } from "./flat_duty.ts";
import { agreedUnitPrice, findUnitPrice, goodsCharge, type UnitPrice } from "./goods.ts";
import * as refuse from "./refusals.ts";
import { chooseShipping, type Shipping, shippingCharges } from "./shipping.ts";
import { findTaxRate, taxCharge, taxFreeCharge } from "./tax.ts";
import { type ConsignmentValue, judgeReliefs, type Reliefs } from "./thresholds.ts";

/** A line with what could be found out about it. */
interface Item {
  index: number;
  product: TradeProduct;
  quantity: number;
  /** Where it is going: the destination's own code for it, else the product's. */
  hsCode: string | null;
  price?: UnitPrice;
  discount?: Discount;
}

/** What is sent, with what could be found out about it. What is absent is among the refusals. */
interface Consignment {
  input: LandedCostInput;
  facts: TradeFacts;
  schedule?: Schedule;
  domestic: boolean;
  items: Item[];
  shipping?: Shipping;
  value: ConsignmentValue;
  reliefs: Reliefs;
}

/** All charges of one line: the goods at their full price, and what is taken off of it. */
type Charges =
  & Record<Exclude<ExplanationEntry["kind"], "discount">, Charge>
  & Partial<Record<"discount", Charge>>;

/**
 * What goods cost at the receiver's door: goods, shipping, duty and tax, line by line, each with how it came to be.
 * Pure: the same facts give the same answer. docs/landed-cost.md has the rules and a table of worked examples.
 *
 * @param input at least one line
 * @throws quote_refused, naming every reason at once
 */
export function landedCost(input: LandedCostInput, facts: TradeFacts): LandedCost {
  const { consignment, refusals } = gather(input, facts);
  if (refusals.length > 0) throw refuse.quoteRefused(refusals);
  const charges = chargeLines(consignment);
  const tooLarge = refuseSums(charges);
  if (tooLarge.length > 0) throw refuse.quoteRefused(tooLarge);
  return assemble(consignment, charges);
}

/** Finds out what it can about the consignment, and every reason against it. */
function gather(
  input: LandedCostInput,
  facts: TradeFacts,
): { consignment: Consignment; refusals: FieldError[] } {
  const { schedule } = facts;
  const full = input.lines.map(({ product, quantity, agreedPrice }, index): Item => ({
    index,
    product,
    quantity,
    hsCode: facts.hsCodes[product.id] ?? product.hs_code,
    price: agreedPrice === undefined
      ? findUnitPrice(product, input.currency, facts.rates)
      : agreedUnitPrice(agreedPrice),
  }));
  const { discounts, refusal: unusable } = findDiscounts(full, input);
  const items = full.map((item, index) => ({ ...item, discount: discounts?.[index] }));
  const goods = sumGoods(items);
  const { shipping, refusal } = chooseShipping(input, facts, goods);
  const value = { currency: input.currency, goods, shipping: shipping?.price };
  const domestic = schedule !== undefined && isDomestic(input.shipFrom, input.destination, schedule.rules);
  const reliefs = !schedule || domestic
    ? { dutyFree: true, flatDuty: false, taxFree: false, sellerCollects: false }
    : judgeReliefs(schedule, value, facts.rates);
  const consignment = { input, facts, schedule, domestic, items, shipping, value, reliefs };
  const refusals = [
    ...(schedule ? [] : [refuse.destinationNotServed(input.destination)]),
    ...items.flatMap((item) => refuseItem(item, consignment)),
    ...(unusable ? [unusable] : []),
    ...(refusal ? [refusal] : []),
    ...refuseExchange(consignment),
  ];
  return { consignment, refusals };
}

/** What the coupon takes off of each item; or why it cannot be used. */
function findDiscounts(items: Item[], { coupon, currency }: LandedCostInput): ReturnType<typeof applyCoupon> {
  if (!coupon) return { discounts: [] };
  const lines = items.map(({ product, price, quantity }) => ({
    sku: product.sku,
    category: product.category,
    price: price ? price.amount * BigInt(quantity) : null,
  }));
  return applyCoupon(coupon, currency, lines);
}

/** What the goods cost after their discounts. */
function sumGoods(items: Item[]): bigint | undefined {
  return items.reduce<bigint | undefined>(
    (sum, { price, quantity, discount }) =>
      sum === undefined || !price
        ? undefined
        : sum + price.amount * BigInt(quantity) - (discount?.amount ?? 0n),
    0n,
  );
}

function refuseItem(item: Item, consignment: Consignment): FieldError[] {
  const { index, product, quantity, hsCode, price } = item;
  const { input, schedule, domestic, reliefs } = consignment;
  const isImport = schedule !== undefined && !domestic;
  const errors = price ? [] : [refuse.noPrice(index, product, input.currency)];
  if (price && isTooLarge(price.amount * BigInt(quantity))) {
    errors.push(refuse.amountTooLarge(`/items/${index}`));
  }
  errors.push(...refuse.missingFacts(index, product, hsCode, isImport));
  if (!schedule) return errors;
  errors.push(...refuse.restrictions(index, product, hsCode, schedule));
  if (isImport && hsCode === null) return errors;
  if (bearsRates(reliefs) && !dutyRateOf(item, schedule)) {
    errors.push(refuse.noRate("duty", index, product, hsCode, schedule));
  }
  const taxed = schedule.rules.tax.rates.length > 0 && reliefs.taxFree === false;
  if (taxed && !taxRateOf(item, schedule)) {
    errors.push(refuse.noRate("tax", index, product, hsCode, schedule));
  }
  return errors;
}

/** An import needs an exchange rate where thresholds or rates by weight are in another currency. */
function refuseExchange({ input, facts, schedule, domestic, reliefs, items }: Consignment): FieldError[] {
  if (!schedule || domestic) return [];
  const { duty, tax, currency } = schedule.rules;
  if (exchangeAmount(whole(1), currency, input.currency, facts.rates)) return [];
  const thresholds = [duty.de_minimis, duty.low_value?.up_to, tax.de_minimis, tax.collected_by_seller_up_to];
  const byWeight = bearsRates(reliefs) &&
    items.some((item) => (dutyRateOf(item, schedule)?.per_kg ?? 0) > 0);
  if (!byWeight && thresholds.every((threshold) => !threshold)) return [];
  return [refuse.noExchangeRate(currency, input.currency, `the rules of ${schedule.destination} are`)];
}

/** Is duty due by the rates of the schedule? Not as long as that cannot be said. */
function bearsRates({ dutyFree, flatDuty }: Reliefs): boolean {
  return dutyFree === false && flatDuty === false;
}

function dutyRateOf({ hsCode, product }: Item, schedule: Schedule) {
  return findDutyRate(schedule, hsCode, product.country_of_origin);
}

function taxRateOf({ hsCode, product }: Item, schedule: Schedule) {
  return findTaxRate(schedule, hsCode, product.category);
}

/** After the refusals nothing is missing that is used here. */
function chargeLines(consignment: Consignment): Charges[] {
  const { input, items } = consignment;
  const full = items.map(({ price, quantity, discount }) => ({
    goods: goodsCharge(price!, quantity, input.currency),
    ...discount && { discount: discountCharge(discount) },
  }));
  const paid = full.map(paidForGoods);
  const shipping = shippingCharges(consignment.shipping!, input, paid);
  const flat = chargeFlatDuty(consignment, paid);
  return items.map((item, index) => {
    const sent = { ...full[index]!, shipping: shipping[index]! };
    const duty = flat ? flat[index]! : chargeDuty(item, sent, consignment);
    return { ...sent, duty, tax: chargeTax(item, { ...sent, duty }, consignment) };
  });
}

/** What is paid for a line's goods: the customs value, and what tax is on. */
function paidForGoods({ goods, discount }: Pick<Charges, "goods" | "discount">): bigint {
  return goods.amount + (discount?.amount ?? 0n);
}

/** Each line's share of the flat duty on a consignment of little value, if that is what it bears. */
function chargeFlatDuty(
  { items, schedule, value, facts, reliefs }: Consignment,
  paid: bigint[],
): Charge[] | undefined {
  if (!reliefs.flatDuty) return undefined;
  const lines = items.map(({ hsCode, product, quantity }, index) => (
    { hsCode: hsCode!, product, quantity, goods: paid[index]! }
  ));
  return flatDutyCharges(lines, schedule!, value, facts.rates);
}

function chargeDuty(
  item: Item,
  sent: Pick<Charges, "goods" | "discount" | "shipping">,
  consignment: Consignment,
): Charge {
  const { input, facts, domestic, value, reliefs } = consignment;
  const schedule = consignment.schedule!;
  if (domestic) {
    const rule = `No duty: no customs border between ${input.shipFrom} and ${input.destination}`;
    return noCharge(rule, schedule.source);
  }
  if (reliefs.dutyFree) return dutyFreeCharge(schedule, value, facts.rates);
  const line = {
    goods: paidForGoods(sent),
    shipping: sent.shipping.amount,
    weightGrams: BigInt(item.product.weight_grams!) * BigInt(item.quantity),
  };
  return dutyCharge(line, dutyRateOf(item, schedule)!, schedule, input.currency, facts.rates);
}

function chargeTax(item: Item, before: Omit<Charges, "tax">, consignment: Consignment): Charge {
  const { facts, domestic, value, reliefs } = consignment;
  const schedule = consignment.schedule!;
  if (reliefs.taxFree) return taxFreeCharge(schedule, value, facts.rates);
  if (schedule.rules.tax.rates.length === 0) {
    const rule = `No ${schedule.rules.tax.name}: ${schedule.destination} charges none`;
    return noCharge(rule, schedule.source);
  }
  const amounts = {
    goods: paidForGoods(before),
    shipping: before.shipping.amount,
    duty: before.duty.amount,
  };
  const sellerCollects = reliefs.sellerCollects!;
  return taxCharge(amounts, taxRateOf(item, schedule)!, schedule, { domestic, sellerCollects });
}

/** Refuses sums beyond {@link MAX_TOTAL}: each line that is too large by itself, else the whole. */
function refuseSums(charges: Charges[]): FieldError[] {
  const sums = charges.map((line) => sumOf(Object.values(line)));
  const lines = sums.flatMap((sum, index) => isTooLarge(sum) ? [`/items/${index}`] : []);
  const pointers = lines.length > 0 ? lines : isTooLarge(sums.reduce((a, b) => a + b, 0n)) ? ["/items"] : [];
  return pointers.map(refuse.amountTooLarge);
}

function isTooLarge(amount: bigint): boolean {
  return amount > BigInt(MAX_TOTAL);
}

function sumOf(charges: Charge[]): bigint {
  return charges.reduce((sum, { amount }) => sum + amount, 0n);
}

function assemble(consignment: Consignment, charges: Charges[]): LandedCost {
  const { input, items, shipping, reliefs, domestic } = consignment;
  const ddp = input.incoterm === "DDP" || domestic;
  const collected = {
    goods: true,
    discount: true,
    shipping: true,
    duty: ddp,
    tax: ddp || reliefs.sellerCollects!,
  };
  const lines = items.map((item, index) => landedLine(item, charges[index]!, collected));
  const total = (field: AmountOfLine) => lines.reduce((sum, line) => sum + line[field], 0);
  const totals = {
    subtotal: total("line_total"),
    shipping_total: total("shipping_amount"),
    duty_total: total("duty_amount"),
    tax_total: total("tax_amount"),
  };
  return {
    lines,
    discount_total: total("discount_amount"),
    ...totals,
    total_price: Object.values(totals).reduce((sum, each) => sum + each, 0),
    duty_on_delivery: total("duty_on_delivery"),
    tax_on_delivery: total("tax_on_delivery"),
    shipping: {
      code: shipping!.option.code,
      name: shipping!.option.name,
      weight_grams: Number(shipping!.weightGrams),
    },
    explanation: charges.flatMap((line, index) => explain(index + 1, line, collected)),
    consignee_id: domestic ? null : consignment.schedule!.rules.consignee_id,
  };
}

type AmountOfLine =
  | "discount_amount"
  | "line_total"
  | "shipping_amount"
  | `${"duty" | "tax"}_${"amount" | "on_delivery"}`;
type Collected = Record<ExplanationEntry["kind"], boolean>;

function landedLine(item: Item, charges: Charges, collected: Collected): LandedLine {
  const { id, sku, name, country_of_origin, weight_grams } = item.product;
  const duty = Number(charges.duty.amount);
  const tax = Number(charges.tax.amount);
  return {
    line: item.index + 1,
    product_id: id,
    sku,
    name,
    quantity: item.quantity,
    hs_code: item.hsCode,
    country_of_origin,
    weight_grams,
    unit_price: Number(item.price!.amount),
    discount_amount: Number(item.discount?.amount ?? 0n),
    line_total: Number(paidForGoods(charges)),
    shipping_amount: Number(charges.shipping.amount),
    duty_amount: collected.duty ? duty : 0,
    tax_amount: collected.tax ? tax : 0,
    shipping_tax_amount: collected.tax ? Number(charges.tax.onShipping ?? 0n) : 0,
    duty_on_delivery: collected.duty ? 0 : duty,
    tax_on_delivery: collected.tax ? 0 : tax,
  };
}

function explain(line: number, charges: Charges, collected: Collected): ExplanationEntry[] {
  return (["goods", "discount", "shipping", "duty", "tax"] as const).flatMap((kind) => {
    const charge = charges[kind];
    return charge ? [explainCharge(line, kind, charge, collected[kind])] : [];
  });
}
