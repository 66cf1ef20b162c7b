import type { Ctx } from "../platform/ctx.ts";
import { pipelined } from "../platform/db.ts";
import { endDue } from "../platform/end_due.ts";
import { changeOrder } from "./change.ts";
import { changingOrder } from "./changing_order.ts";
import { leftOfSale } from "./ledger/left_of_sale.ts";
import { listDueOrders, lockDueOrders } from "./queries.ts";
import { writeOrders } from "./write_orders.ts";

/**
 * Expires a batch of orders whose time to pay is over: status, stock and events in one transaction. Takes them by the
 * index of what is due, however many others there are, and passes over those that somebody is changing right now:
 * whoever holds the row wins, and the next batch sees what came of it.
 *
 * @returns how many it expired; none means that no more are due, or that those that are cannot be expired
 */
export async function expireDueOrders(ctx: Ctx): Promise<{ expired: number; mayBeMore: boolean }> {
  const list = (except: string[]) => listDueOrders(ctx.sql, ctx.clock.now(), except);
  return await endDue(ctx, "an order whose time is over", list, (ids) => expireOrders(ctx, ids));
}

async function expireOrders(ctx: Ctx, ids: string[]): Promise<number> {
  const now = ctx.clock.now();
  return await changingOrder(ctx, async (tx, written) => {
    const due = await lockDueOrders(tx, now, ids);
    if (due.length === 0) return 0;
    const left = await pipelined(due.map((order) => leftOfSale(tx, order)));
    const writes = due.map((before, i) => ({
      before,
      ...changeOrder(now, ctx.actor, before, { status: "EXPIRED" }, left[i]!),
    }));
    for (const { order } of writes) written(order);
    await writeOrders(tx, ctx, writes);
    return writes.length;
  });
}
