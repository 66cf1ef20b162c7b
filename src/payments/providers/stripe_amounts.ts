import { ProviderError } from "./provider.ts";

/** No decimals in ISO 4217, two in Stripe's API, which takes whole units only. */
const TWO_DECIMALS_AT_STRIPE = new Set(["ISK", "UGX"]);
/** Two decimals in ISO 4217, none in Stripe's API. */
const NO_DECIMALS_AT_STRIPE = new Set(["MGA"]);
/** Three decimals here as there, of which the last must be 0. */
const THREE_DECIMALS = new Set(["BHD", "JOD", "KWD", "OMR", "TND"]);

/**
 * Our amount, in ISO 4217 minor units, as Stripe wants it. Most currencies are the same in both; the others are those
 * of https://docs.stripe.com/currencies#minor-units under "Zero-decimal", "Three-decimal" and "Special cases". (HUF
 * and TWD are special for pay-outs only.)
 *
 * @throws ProviderError `refused` for an amount that Stripe cannot charge exactly
 */
export function toStripeAmount(amount: number, currency: string): number {
  if (TWO_DECIMALS_AT_STRIPE.has(currency)) return amount * 100;
  if (NO_DECIMALS_AT_STRIPE.has(currency)) {
    refuseUnlessMultiple(amount, currency, 100);
    return amount / 100;
  }
  if (THREE_DECIMALS.has(currency)) refuseUnlessMultiple(amount, currency, 10);
  return amount;
}

/** Stripe's amount in ISO 4217 minor units. `currency` in small letters as Stripe has it, or in capitals. */
export function fromStripeAmount(amount: number, currency: string): number {
  const code = currency.toUpperCase();
  if (TWO_DECIMALS_AT_STRIPE.has(code)) return amount / 100;
  return NO_DECIMALS_AT_STRIPE.has(code) ? amount * 100 : amount;
}

function refuseUnlessMultiple(amount: number, currency: string, unit: number): void {
  if (amount % unit === 0) return;
  throw new ProviderError(
    "refused",
    "amount_not_chargeable",
    `Stripe charges ${currency} in steps of ${unit} minor units, and ${amount} is between two of them.`,
  );
}
