import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { findQuote } from "../quotes/mod.ts";
import { getReadableOrder } from "./get_order.ts";
import { explainGoods } from "./pricing.ts";
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
  const explanation = kept ?? explainGoods(order);
  const onDelivery = (kind: "duty" | "tax") =>
    explanation.reduce((sum, entry) => entry.kind === kind && !entry.collected ? sum + entry.amount : sum, 0);
  return {
    order_id: order.id,
    quote_id,
    currency,
    total_price,
    duty_on_delivery: onDelivery("duty"),
    tax_on_delivery: onDelivery("tax"),
    explanation,
  };
}
