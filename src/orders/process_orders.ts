import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { orderProcessed } from "./events.ts";
import { findScreeningFacts, lockOrders, type ScreeningFacts } from "./queries.ts";
import { holdsStock } from "./write_orders.ts";

/** An order that contradicts itself: for people to look at, not for a machine to repair. */
class ScreeningError extends Error {
  override readonly name = "ScreeningError";
}

/**
 * Screens new orders: sums their lines again, sees that the ledger holds their stock, and tells the log. Those that
 * were processed before are left alone.
 *
 * @returns the ids of those that were processed now
 * @throws ScreeningError for the first that contradicts itself; then none of them is processed
 */
export async function processOrders(tx: Tx, ctx: Ctx, ids: string[]): Promise<string[]> {
  await lockOrders(tx, ids);
  const fresh = (await findScreeningFacts(tx, ids)).filter(({ processed }) => !processed);
  for (const facts of fresh) {
    const problem = contradictionIn(facts);
    if (problem) throw new ScreeningError(`Order ${facts.id}: ${problem}`);
  }
  await appendEvents(
    tx,
    ctx,
    fresh.map(({ id, number, user_id, total_price, currency, units, traceparent }) => ({
      event: orderProcessed,
      aggregateId: id,
      userId: user_id,
      traceparent,
      data: { order_id: id, number, user_id, total_price, currency, units },
    })),
  );
  return fresh.map(({ id }) => id);
}

/** What is wrong with an order, in a sentence; undefined where all of it agrees. */
function contradictionIn(facts: ScreeningFacts): string | undefined {
  const { sum_of_lines, sum_with_charges, subtotal, total_price, sale, unshipped, held, status } = facts;
  if (sum_of_lines !== subtotal) return `its lines sum to ${sum_of_lines}, its subtotal is ${subtotal}.`;
  if (sum_with_charges !== total_price) {
    return `its lines with their charges sum to ${sum_with_charges}, its total is ${total_price}.`;
  }
  if (sale !== total_price) return `its total is ${total_price}, its ledger has a sale of ${sale}.`;
  const holds = holdsStock(facts) ? unshipped : 0;
  if (held !== holds) return `it is ${status} with ${unshipped} units to send, and the ledger holds ${held}.`;
}
