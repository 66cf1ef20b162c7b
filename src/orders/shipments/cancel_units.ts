import type { Tx } from "../../platform/db.ts";
import type { Order } from "../order.ts";
import { holdsStock } from "../write_orders.ts";
import { listUnshippedLines } from "./queries.ts";
import { withoutUnits } from "./shipment.ts";

/**
 * Decides which units of an order whose row the caller holds are not sent any more, as so many of its lines were refunded:
 * of each line those that have not left yet. Of an order that is over none is sent anyway.
 *
 * @returns what of the order changes, for `booked`; writing that frees their stock
 */
export async function cancelUnits(
  tx: Tx,
  order: Order,
  refunded: readonly { line: number; quantity: number }[],
): Promise<Pick<Order, "items" | "units">> {
  if (refunded.length === 0 || !holdsStock(order)) return { items: order.items, units: order.units };
  return withoutUnits(order, await listUnshippedLines(tx, order.id), refunded);
}
