import type { FieldError } from "../platform/errors.ts";
import { allocate, compare, formatAmount, whole } from "../platform/money.ts";
import { type Charge, noCharge, roundOnce } from "./charge.ts";
import { type Exchange, exchangeAmount } from "./convert.ts";
import type { LandedCostInput, ShippingOption, TradeFacts } from "./facts.ts";
import { noExchangeRate } from "./refusals.ts";
import { splitBy } from "./split_by.ts";

/** The option that was asked for and what it costs for this weight, in the currency asked for. */
export interface Shipping {
  option: ShippingOption;
  weightGrams: bigint;
  band: ShippingOption["bands"][number];
  /** 0 where the goods are worth so much that they are sent for nothing. */
  price: bigint;
  isFree: boolean;
  rounding: Charge["rounding"];
  exchange: Exchange | null;
}

/**
 * The option that `input` asks for, if it takes the consignment there, or why not, with those that do. Neither, as
 * long as the consignment's weight is not known.
 *
 * @param goods what they cost after discounts; undefined as long as that is not known
 */
export function chooseShipping(
  input: LandedCostInput,
  facts: TradeFacts,
  goods: bigint | undefined,
): { shipping?: Shipping; refusal?: FieldError } {
  const weightGrams = weigh(input);
  const options = facts.shippingOptions.filter(({ countries }) => countries.includes(input.destination));
  const option = options.find(({ code }) => code === input.shippingOption);
  if (!option) return { refusal: notAvailable(input, options, weightGrams, "does not deliver there") };
  if (weightGrams === undefined) return {};
  const band = findBand(option, weightGrams);
  if (!band) return { refusal: notAvailable(input, options, weightGrams, `does not take ${weightGrams} g`) };
  const converted = exchangeAmount(whole(band.price), option.currency, input.currency, facts.rates);
  if (!converted) {
    return {
      refusal: noExchangeRate(option.currency, input.currency, `shipping by ${option.code} is priced`),
    };
  }
  const chosen = { option, weightGrams, band };
  if (option.free_from !== null && goods !== undefined) {
    // There is a rate, as there was one for the price. At the threshold they are sent for nothing; nothing is rounded.
    const worth = exchangeAmount(whole(goods), input.currency, option.currency, facts.rates)!;
    if (compare(worth.value, whole(option.free_from)) >= 0) {
      return {
        shipping: { ...chosen, price: 0n, isFree: true, rounding: "exact", exchange: worth.exchange },
      };
    }
  }
  const { amount: price, rounding } = roundOnce(converted.value);
  return { shipping: { ...chosen, price, isFree: false, rounding, exchange: converted.exchange } };
}

/**
 * Each line's share of the shipping: by the value of the goods; if none has any by weight, and if none has that
 * either by quantity.
 */
export function shippingCharges(shipping: Shipping, input: LandedCostInput, goods: bigint[]): Charge[] {
  const { option, weightGrams, band, price, exchange } = shipping;
  if (shipping.isFree) {
    const rule = `${option.name}: free for goods of ${
      formatAmount(option.free_from!, option.currency)
    } or more`;
    const basis = goods.reduce((sum, each) => sum + each, 0n);
    return goods.map(() => noCharge(rule, option.carrier, { basis, exchange }));
  }
  const [by, weights] = splitBy(input.lines, goods);
  const single = goods.length === 1;
  const sent = `${option.name}, up to ${band.up_to_grams} g (${weightGrams} g): ` +
    formatAmount(price, input.currency) +
    (exchange ? `, converted from ${formatAmount(band.price, option.currency)}` : "");
  return allocate(price, weights).map((amount) => ({
    amount,
    rule: single ? sent : `Its share by ${by} of ${sent}`,
    rate: null,
    basis: single ? null : price,
    exchange,
    rounding: single ? shipping.rounding : "largest_remainder",
    source: option.carrier,
  }));
}

/** Grams of all lines; undefined if a product's weight is not known. */
function weigh({ lines }: LandedCostInput): bigint | undefined {
  return lines.reduce<bigint | undefined>(
    (sum, { product, quantity }) =>
      sum === undefined || product.weight_grams === null
        ? undefined
        : sum + BigInt(product.weight_grams) * BigInt(quantity),
    0n,
  );
}

function findBand(option: ShippingOption, grams: bigint): ShippingOption["bands"][number] | undefined {
  return option.bands.find(({ up_to_grams }) => BigInt(up_to_grams) >= grams);
}

function notAvailable(
  input: LandedCostInput,
  options: ShippingOption[],
  grams: bigint | undefined,
  reason: string,
): FieldError {
  const available = options
    .filter((option) => grams === undefined || findBand(option, grams))
    .map(({ code }) => code);
  const instead = available.length > 0 ? `Possible: ${available.join(", ")}.` : "No option does.";
  return {
    pointer: "/shipping_option",
    code: "shipping_not_available",
    message: `${input.shippingOption} ${reason}. ${instead}`,
    shipping_option: input.shippingOption,
    destination: input.destination,
    available_options: available,
  };
}
