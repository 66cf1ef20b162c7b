import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx } from "../platform/db.ts";
import { forgetOrder, rememberOrder } from "./get_order.ts";
import type { Order } from "./order.ts";

/**
 * Runs a transaction that writes orders, and lets the cache follow: it has the new versions after the commit, and none at
 * all where the connection was lost, as nobody knows then whether it was committed.
 *
 * @param work tells `written` of each order before it writes it; one that it does not tell of stays as it is
 */
export async function changingOrder<T>(
  ctx: Ctx,
  work: (tx: Tx, written: (order: Order) => void) => Promise<T>,
): Promise<T> {
  const orders: Order[] = [];
  const result = await transaction(ctx.sql, (tx) => work(tx, (written) => orders.push(written)))
    .catch(async (error) => {
      await Promise.all(orders.map((order) => forgetOrder(ctx, order)));
      throw error;
    });
  await Promise.all(orders.map((order) => rememberOrder(ctx, order)));
  return result;
}
