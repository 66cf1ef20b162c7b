import { landedItem, type NewOrder, newOrder, type Order } from "../orders/mod.ts";
import type { Actor } from "../platform/ctx.ts";
import type { QuoteData } from "../quotes/mod.ts";

/** The order as a quote says it, to the minor unit. Pure. */
export function orderOf(
  quote: QuoteData,
  now: Date,
  expiresAfterMs: number,
  actor: Actor,
  { ship_to, note, metadata }: Pick<NewOrder, "ship_to"> & Partial<Pick<NewOrder, "note" | "metadata">>,
): Order {
  return newOrder(now, actor, {
    user_id: quote.user_id,
    currency: quote.currency,
    items: quote.lines.map((line) => landedItem(line)),
    ship_to,
    note: note ?? null,
    metadata: metadata ?? {},
    external_reference: null,
    placed_at: now.toISOString(),
    expires_at: new Date(now.getTime() + expiresAfterMs).toISOString(),
    quote_id: quote.id,
    coupon_code: quote.coupon_code,
    incoterm: quote.incoterm,
    shipping_option: quote.shipping.code,
  });
}
