import type { Tx } from "../../platform/db.ts";
import type { Order } from "../order.ts";
import type { RefundParts } from "./entries.ts";
import { findRefundable } from "./queries.ts";

/**
 * What refunds have left of the sale of an order that has not ended and whose row the caller holds. The ledger is asked only
 * where there were any.
 */
export async function leftOfSale(tx: Tx, order: Order): Promise<RefundParts> {
  if (order.amount_refunded > 0) return await findRefundable(tx, order.id);
  const { subtotal: goods, shipping_total: shipping, duty_total: duty, tax_total: tax } = order;
  return { goods, shipping, duty, tax };
}
