import type { FieldError } from "../platform/errors.ts";
import { allocate, formatAmount, whole } from "../platform/money.ts";
import { type Charge, roundOnce } from "./charge.ts";
import { type Exchange, exchangeAmount } from "./convert.ts";
import type { LandedCostInput, ShippingOption, TradeFacts } from "./facts.ts";
import { noExchangeRate } from "./refusals.ts";
import { splitBy } from "./split_by.ts";

/** The option that was asked for and what it costs for this weight, in the currency asked for. */
export interface Shipping {
  option: ShippingOption;
  weightGrams: bigint;
  band: ShippingOption["bands"][number];
  price: bigint;
  rounding: Charge["rounding"];
  exchange: Exchange | null;
}

/**
 * The option that `input` asks for, if it takes the consignment there, or why not, with those that do. Neither, as
 * long as the consignment's weight is not known.
 */
export function chooseShipping(
  input: LandedCostInput,
  facts: TradeFacts,
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
  const { amount: price, rounding } = roundOnce(converted.value);
  return { shipping: { option, weightGrams, band, price, rounding, exchange: converted.exchange } };
}

/**
 * Each line's share of the shipping: by the value of the goods; if none has any by weight, and if none has that
 * either by quantity.
 */
export function shippingCharges(shipping: Shipping, input: LandedCostInput, goods: bigint[]): Charge[] {
  const { option, weightGrams, band, price } = shipping;
  const [by, weights] = splitBy(input.lines, goods);
  const single = goods.length === 1;
  const sent = `${option.name}, up to ${band.up_to_grams} g (${weightGrams} g): ` +
    formatAmount(price, input.currency) +
    (shipping.exchange ? `, converted from ${formatAmount(band.price, option.currency)}` : "");
  return allocate(price, weights).map((amount) => ({
    amount,
    rule: single ? sent : `Its share by ${by} of ${sent}`,
    rate: null,
    basis: single ? null : price,
    exchange: shipping.exchange,
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
