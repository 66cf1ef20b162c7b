import type { z } from "@hono/zod-openapi";
import { actorRole, type Ctx, isStaff } from "../../platform/ctx.ts";
import { getReadableOrder } from "../get_order.ts";
import { balancesOf, entriesOf } from "./double_entry.ts";
import { type LedgerRow, listTransactions } from "./queries.ts";
import type { OrderLedgerSchema } from "./schemas.ts";

export type OrderLedger = z.infer<typeof OrderLedgerSchema>;

/** What an order's money did, and what it comes to. @throws not_found, also for another's order */
export async function getOrderLedger(ctx: Ctx, orderId: string): Promise<OrderLedger> {
  const order = await getReadableOrder(ctx, orderId);
  const rows = await listTransactions(ctx.sql, order.id);
  const transactions = rows.map((row) =>
    transactionOf(row, isStaff(ctx.actor) ? row.actor : actorRole(row.actor, order.user_id))
  );
  const balances = balancesOf(transactions.flatMap(({ entries }) => entries));
  return {
    order_id: order.id,
    currency: order.currency,
    amount_due: balances.find(({ account }) => account === "receivable")?.balance ?? 0,
    balances,
    transactions,
  };
}

/** A row of the ledger, as it is answered. @param actor what the caller may know of who did it */
export function transactionOf(row: LedgerRow, actor: string): OrderLedger["transactions"][number] {
  return {
    id: row.id,
    kind: row.kind,
    occurred_at: row.occurred_at,
    reason: row.reason,
    actor,
    payment_id: row.payment_id,
    refund_id: row.refund_id,
    dispute_id: row.dispute_id,
    provider: row.provider,
    entries: entriesOf(row),
  };
}
