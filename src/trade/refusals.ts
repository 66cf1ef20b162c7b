import { AppError, type FieldError } from "../platform/errors.ts";
import type { Schedule, TradeProduct } from "./facts.ts";
import { findRestrictions } from "./restrictions.ts";

/** @returns the error that names every reason why no price can be promised */
export function quoteRefused(errors: FieldError[]): AppError {
  return new AppError("quote_refused", `There is no quote for this: ${errors[0]!.message}`, { errors });
}

export function destinationNotServed(destination: string): FieldError {
  return {
    pointer: "/destination",
    code: "destination_not_served",
    message: `Nobody has said yet what duty and tax are in ${destination}, so nothing is sent there.`,
    destination,
  };
}

/** A product without a price that counts here. */
export function noPrice(index: number, product: TradeProduct, currency: string): FieldError {
  const currencies = Object.keys(product.prices).sort();
  const others = currencies.length === 0
    ? "and in no other currency"
    : `and those in ${
      currencies.join(", ")
    } cannot be converted: there is no exchange rate, or nothing comes of it`;
  return {
    pointer: `/items/${index}`,
    code: "no_price",
    message: `${product.sku} has no price in ${currency}, ${others}.`,
    sku: product.sku,
    currency,
  };
}

/** Facts about goods that shipping needs, and customs if a border is crossed. */
export function missingFacts(
  index: number,
  product: TradeProduct,
  hsCode: string | null,
  isImport: boolean,
): FieldError[] {
  const { sku } = product;
  const missing: [boolean, string, string, string][] = [
    [product.weight_grams === null, "weight_grams", "weight_missing", "weight"],
    [isImport && hsCode === null, "hs_code", "hs_code_missing", "HS code"],
    [
      isImport && product.country_of_origin === null,
      "country_of_origin",
      "country_of_origin_missing",
      "country of origin",
    ],
  ];
  return missing.filter(([isMissing]) => isMissing).map(([, field, code, name]) => ({
    pointer: `/items/${index}/${field}`,
    code,
    message: `The ${name} of ${sku} is not known: staff set it on the product.`,
    sku,
  }));
}

/** Each rule of the destination that keeps these goods out, or lets them in with a licence only. */
export function restrictions(
  index: number,
  product: TradeProduct,
  hsCode: string | null,
  schedule: Schedule,
): FieldError[] {
  return findRestrictions(product, hsCode, schedule).map(({ rule, message }) => {
    const { verdict, reason, hs_prefix, category } = rule;
    return {
      pointer: `/items/${index}`,
      code: "restricted",
      message,
      sku: product.sku,
      verdict,
      reason,
      rule: { hs_prefix, category, source: schedule.source },
    };
  });
}

/** The schedule is silent about these goods, and a promise needs a rate. */
export function noRate(
  kind: "duty" | "tax",
  index: number,
  product: TradeProduct,
  hsCode: string | null,
  { destination, source }: Schedule,
): FieldError {
  return {
    pointer: `/items/${index}/hs_code`,
    code: kind === "duty" ? "no_duty_rate" : "no_tax_rate",
    message: `There is no ${kind} rate of ${destination} for ${product.sku}` +
      (hsCode === null ? ", which has no HS code." : ` (HS ${hsCode}).`),
    sku: product.sku,
    hs_code: hsCode,
    country_of_origin: product.country_of_origin,
    category: product.category,
    source,
  };
}

/** Something that is `stated` in one currency cannot be put in the one asked for. */
export function noExchangeRate(from: string, to: string, stated: string): FieldError {
  return {
    pointer: "/currency",
    code: "no_exchange_rate",
    message: `There is no exchange rate between ${from}, which ${stated} in, and ${to}.`,
    from,
    to,
  };
}

/** Beyond what is counted to the cent: MAX_TOTAL of platform/money.ts. */
export function amountTooLarge(pointer: string): FieldError {
  return { pointer, code: "amount_too_large", message: "The amount is too large: order less at a time." };
}
