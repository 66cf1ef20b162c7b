import type { Tx } from "../../platform/db.ts";
import type { Order } from "../order.ts";
import { holdsStock } from "../write_orders.ts";
import { listRefundedUnits } from "./queries.ts";
import { type LineUnits, withoutUnits } from "./shipment.ts";

/**
 * Decides which units of an order are not sent any more, as so many of its lines were refunded: of each line those that have
 * not left yet. Of an order that is over none is sent anyway. Pure.
 *
 * @returns what of the order changes, for `booked`; writing that frees their stock
 */
export function cancelUnits(order: Order, refunded: readonly LineUnits[]): Pick<Order, "items" | "units"> {
  return holdsStock(order) ? withoutUnits(order, refunded) : { items: order.items, units: order.units };
}

/**
 * The same, where units of an order that is not over, and whose row the caller holds, turn out not to have left: those of a
 * line that were refunded without a return are not sent any more, as if that had been known then.
 */
export async function cancelRefunded(tx: Tx, order: Order): Promise<Pick<Order, "items" | "units">> {
  const refunded = await listRefundedUnits(tx, order.id);
  const wanted = refunded.map(({ line, quantity }) => {
    const { cancelled } = order.items.find((item) => item.line === line)!;
    return { line, quantity: quantity - cancelled };
  });
  return withoutUnits(order, wanted);
}
