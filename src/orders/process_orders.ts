import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { orderProcessed } from "./events.ts";
import { findScreeningFacts, lockOrders, type ScreeningFacts } from "./queries.ts";

/** An order that contradicts itself: for people to look at, not for a machine to repair. */
export class ScreeningError extends Error {
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
export function contradictionIn(facts: ScreeningFacts): string | undefined {
  const { sum_of_lines, subtotal, total_price, units, held, status } = facts;
  if (sum_of_lines !== subtotal) return `its lines sum to ${sum_of_lines}, its subtotal is ${subtotal}.`;
  if (total_price !== subtotal) return `its total is ${total_price}, its subtotal ${subtotal}.`;
  const holds = ["PENDING", "PAID", "PROCESSING"].includes(status) ? units : 0;
  if (held !== holds) return `it is ${status} with ${units} units, and the ledger holds ${held}.`;
}
