import type { Ctx } from "../platform/ctx.ts";
import { pipelined, transaction } from "../platform/db.ts";
import { changeOrder } from "./change.ts";
import { rememberOrder } from "./get_order.ts";
import { leftOfSale } from "./ledger/left_of_sale.ts";
import { lockDueOrders } from "./queries.ts";
import { writeOrders } from "./write_orders.ts";

const AT_ONCE = 100;

/**
 * Expires a batch of orders whose time to pay is over: status, stock and events in one transaction. Takes them by the
 * index of what is due, however many others there are, and passes over those that somebody is changing right now:
 * whoever holds the row wins, and the next batch sees what came of it.
 *
 * @returns how many it expired; fewer than a full batch means that no more are due
 */
export async function expireDueOrders(ctx: Ctx): Promise<{ expired: number; mayBeMore: boolean }> {
  const now = ctx.clock.now();
  const expired = await transaction(ctx.sql, async (tx) => {
    const due = await lockDueOrders(tx, now, AT_ONCE);
    if (due.length === 0) return [];
    const left = await pipelined(due.map((order) => leftOfSale(tx, order)));
    const writes = due.map((before, i) => ({
      before,
      ...changeOrder(now, ctx.actor, before, { status: "EXPIRED" }, left[i]!),
    }));
    await writeOrders(tx, ctx, writes);
    return writes.map(({ order }) => order);
  });
  ctx.bell.ring("waybill_events");
  await Promise.all(expired.map((order) => rememberOrder(ctx, order)));
  return { expired: expired.length, mayBeMore: expired.length === AT_ONCE };
}
