import type { z } from "@hono/zod-openapi";
import type { Coupon } from "../promotions/mod.ts";
import { AppError } from "../platform/errors.ts";
import {
  landedCost,
  type LandedCostInput,
  type ProductFacts,
  quoteRefused,
  type TradeFacts,
} from "../trade/mod.ts";
import { type AskEstimate, destinationOf, priceLines, type QuotedCart } from "./quote.ts";
import type { EstimateSchema } from "./schemas.ts";

export type Estimate = z.output<typeof EstimateSchema>;

/**
 * What a cart would cost by each way to send it there that takes it, the cheapest at the door first. Pure.
 *
 * @throws quote_refused, insufficient_stock, cart_closed; each names everything that is wrong
 */
export function estimateOptions(
  now: Date,
  shipFrom: string,
  cart: QuotedCart,
  ask: AskEstimate,
  products: ReadonlyMap<string, ProductFacts>,
  trade: TradeFacts,
  coupon?: Coupon,
): Estimate[] {
  const destination = destinationOf(cart, ask);
  return priceLines(now, cart, products, (lines) => {
    const input = { destination, shipFrom, currency: cart.currency, incoterm: ask.incoterm, lines, coupon };
    return estimatesOf(input, trade);
  });
}

/** @throws quote_refused where no option takes these lines there */
function estimatesOf(sent: Omit<LandedCostInput, "shippingOption">, trade: TradeFacts): Estimate[] {
  const { destination, incoterm, currency } = sent;
  const estimates: Estimate[] = [];
  const refusals: AppError[] = [];
  for (const { code, min_days, max_days } of trade.shippingOptions) {
    try {
      const cost = landedCost({ ...sent, shippingOption: code }, trade);
      const { lines: _, explanation: __, consignee_id: ___, shipping, ...totals } = cost;
      estimates.push({
        shipping_option: code,
        shipping_name: shipping.name,
        min_days,
        max_days,
        destination,
        incoterm,
        currency,
        weight_grams: shipping.weight_grams,
        ...totals,
      });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      refusals.push(error);
    }
  }
  if (estimates.length === 0) throw refusals[0] ?? noWay(destination);
  const atTheDoor = (e: Estimate) => e.total_price + e.duty_on_delivery + e.tax_on_delivery;
  return estimates.sort((a, b) => atTheDoor(a) - atTheDoor(b));
}

function noWay(destination: string): AppError {
  return quoteRefused([{
    pointer: "/destination",
    code: "shipping_not_available",
    message: `No shipping option delivers to ${destination}.`,
    available_options: [],
  }]);
}
