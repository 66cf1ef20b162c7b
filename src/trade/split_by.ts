import type { TradeProduct } from "./facts.ts";

/**
 * By what an amount is split over lines, and each line's weight in that: the value of the goods; if none has any,
 * what they weigh; if that is nothing either, their quantity.
 */
export function splitBy(
  lines: { product: TradeProduct; quantity: number }[],
  goods: bigint[],
): [string, bigint[]] {
  if (goods.some((value) => value > 0n)) return ["value", goods];
  const weights = lines.map(({ product, quantity }) => BigInt(product.weight_grams!) * BigInt(quantity));
  if (weights.some((weight) => weight > 0n)) return ["weight", weights];
  return ["quantity", lines.map(({ quantity }) => BigInt(quantity))];
}
