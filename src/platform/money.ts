import { code as findCurrency } from "currency-codes";

/** Is this an ISO 4217 currency code in use, in capitals? */
export function isCurrency(code: string): boolean {
  return findCurrency(code)?.code === code;
}

/** Digits after the decimal point of a currency's minor unit (ISO 4217): EUR 2, JPY 0, KWD 3. */
export function minorUnitDigits(currency: string): number {
  const found = findCurrency(currency);
  if (!found) throw new RangeError(`${currency} is not an ISO 4217 currency.`);
  return found.digits;
}

/** The sum of integer amounts in minor units. @throws RangeError beyond 2^53, where cents would be lost. */
export function sumAmounts(amounts: Iterable<number>): number {
  let sum = 0;
  for (const amount of amounts) sum += amount;
  if (!Number.isSafeInteger(sum)) throw new RangeError("The sum is beyond 2^53 minor units.");
  return sum;
}
