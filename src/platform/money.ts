import { code as findCurrency } from "currency-codes";

/** Is this an ISO 4217 currency code in use, in capitals? */
export function isCurrency(code: string): boolean {
  return findCurrency(code)?.code === code;
}
