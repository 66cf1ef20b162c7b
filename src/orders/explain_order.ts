import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { formatAmount } from "../platform/money.ts";
import { findQuote } from "../quotes/mod.ts";
import type { ExplanationEntry } from "../trade/mod.ts";
import { getReadableOrder } from "./get_order.ts";
import type { Order } from "./order.ts";
import { findExplanation } from "./queries.ts";
import type { OrderExplanationSchema } from "./schemas.ts";

/** How an order's total came to be. What is `collected` sums to it. */
export type OrderExplanation = z.infer<typeof OrderExplanationSchema>;

/** How an order's price came to be, line by line, as it was when it was placed. @throws not_found */
export async function explainOrder(ctx: Ctx, id: string): Promise<OrderExplanation> {
  const order = await getReadableOrder(ctx, id);
  const { quote_id, currency, total_price } = order;
  const kept = quote_id === null
    ? await findExplanation(ctx.sql, id)
    : (await findQuote(ctx.sql, quote_id))!.explanation;
  return { order_id: order.id, quote_id, currency, total_price, explanation: kept ?? explainGoods(order) };
}

/** An order of goods and nothing else says it all itself. Pure. */
export function explainGoods({ items, currency }: Pick<Order, "items" | "currency">): ExplanationEntry[] {
  return items.map(({ line, quantity, unit_price, list_price, line_total }) => {
    const instead = list_price === null
      ? ""
      : `, agreed instead of the list price of ${formatAmount(list_price, currency)}`;
    return {
      line,
      kind: "goods",
      amount: line_total,
      collected: true,
      rule: `${quantity} × ${formatAmount(unit_price, currency)}${instead}`,
      rate: null,
      basis: null,
      exchange: null,
      rounding: "exact",
      source: null,
    };
  });
}
