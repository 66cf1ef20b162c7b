import { assertEquals, assertThrows } from "@std/assert";
import { ProviderError } from "./provider.ts";
import { fromStripeAmount, toStripeAmount } from "./stripe_amounts.ts";

const PAIRS = [
  ["EUR", 1050, 1050],
  ["JPY", 500, 500],
  ["HUF", 1045, 1045],
  ["ISK", 5, 500],
  ["UGX", 5, 500],
  ["MGA", 500, 5],
  ["KWD", 5120, 5120],
] as const;

for (const [currency, ours, theirs] of PAIRS) {
  Deno.test(`${ours} minor units of ${currency} are ${theirs} to Stripe, and back`, () => {
    assertEquals(toStripeAmount(ours, currency), theirs);
    assertEquals(fromStripeAmount(theirs, currency.toLowerCase()), ours);
  });
}

Deno.test("an amount that Stripe would have to round is refused, never rounded", () => {
  const threeDecimals = ["BHD", "JOD", "KWD", "OMR", "TND"].map((currency) => [currency, 5124] as const);
  for (const [currency, amount] of [...threeDecimals, ["MGA", 550] as const]) {
    const error = assertThrows(() => toStripeAmount(amount, currency), ProviderError, String(amount));
    assertEquals([error.kind, error.code], ["refused", "amount_not_chargeable"]);
  }
});
