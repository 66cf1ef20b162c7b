import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import type { Tx } from "../../platform/db.ts";
import { appendEvents } from "../../platform/events.ts";
import type { settlePointsJob } from "../jobs.ts";
import { move, movementTold, type PointsMovement } from "./account.ts";
import { listEarners, listEarningOrders, lockAccounts, writeMovements, writeOrderPoints } from "./queries.ts";
import { settle } from "./settlement.ts";

/**
 * Gives the customers of these orders what they have earned by now, or takes it back: what an order has follows from its
 * money alone, so that doing it twice, or late, comes out the same. By which campaigns is decided once, by those that run
 * when an order was first paid. Locks accounts in the order of their ids; orders are read once these are held.
 */
export async function settlePoints(
  tx: Tx,
  ctx: Ctx,
  orders: z.output<typeof settlePointsJob.schema>[],
): Promise<void> {
  const orderIds = orders.map(({ order_id }) => order_id);
  const userIds = await listEarners(tx, orderIds);
  const locked = await lockAccounts(tx, userIds);
  const created_at = ctx.clock.now().toISOString();
  const accounts = new Map(locked.map((account) => [account.user_id, account]));
  const movements: PointsMovement[] = [];
  const written: Parameters<typeof writeOrderPoints>[1] = [];
  const firstPaid = orders.filter(({ first_paid }) => first_paid).map(({ order_id }) => order_id);
  for (const order of await listEarningOrders(tx, orderIds, firstPaid)) {
    for (const { more, ...row } of settle(order)) {
      const [movement, account] = move(accounts.get(order.user_id)!, {
        kind: more > 0 ? "earned" : "reversed",
        points: more,
        order_id: order.id,
        campaign_id: row.campaign_id,
        created_at,
      });
      movements.push(movement);
      accounts.set(account.user_id, account);
      written.push({ order_id: order.id, ...row });
    }
  }
  if (movements.length === 0) return;
  await writeOrderPoints(tx, written);
  await writeMovements(tx, movements, [...accounts.values()]);
  await appendEvents(tx, ctx, movements.map(movementTold));
}
