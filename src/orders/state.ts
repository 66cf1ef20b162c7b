import type { Order, OrderStatus } from "./order.ts";

/**
 * An order with the statuses that follow from its amounts and units, which are those of its ledger and its shipments.
 * The one function that sets them. CANCELLED, EXPIRED and PROCESSING are somebody's decision; the first two and REFUNDED
 * are final, whatever money still comes or goes.
 */
export function withState(order: Order): Order {
  return {
    ...order,
    status: statusOf(order),
    payment_status: paymentStatusOf(order),
    fulfilment_status: fulfilmentStatusOf(order),
  };
}

function statusOf(order: Order): OrderStatus {
  const { status, amount_paid, amount_refunded, amount_due, units, units_shipped, units_delivered } = order;
  if (status === "CANCELLED" || status === "EXPIRED" || status === "REFUNDED") return status;
  // Where only a part was paid and went back, the rest is still due: whoever pays it may, or it expires.
  if (amount_paid > 0 && amount_refunded === amount_paid && amount_due <= 0) return "REFUNDED";
  // All of the goods were given back before any left, though not all of the money.
  if (units === 0) return amount_due <= 0 ? "REFUNDED" : "PENDING";
  if (units_shipped === units) return units_delivered === units ? "DELIVERED" : "SHIPPED";
  if (units_shipped > 0) return "PROCESSING";
  if (amount_due <= 0) return status === "PROCESSING" ? "PROCESSING" : "PAID";
  return "PENDING";
}

function paymentStatusOf(order: Order): Order["payment_status"] {
  const { total_price, amount_authorised, amount_paid, amount_refunded, amount_due } = order;
  if (amount_paid === 0) {
    if (total_price === 0) return "PAID";
    return amount_authorised > 0 ? "AUTHORISED" : "UNPAID";
  }
  if (amount_refunded === amount_paid) return "REFUNDED";
  // What was refunded beyond what had been overpaid.
  if (amount_refunded > 0 && amount_paid - amount_refunded < total_price && amount_due <= 0) {
    return "PARTIALLY_REFUNDED";
  }
  return amount_paid < total_price ? "PARTIALLY_PAID" : "PAID";
}

function fulfilmentStatusOf(order: Order): Order["fulfilment_status"] {
  const { units, units_shipped, units_delivered, units_returned } = order;
  if (units_returned > 0) return units_returned === units ? "RETURNED" : "PARTIALLY_RETURNED";
  if (units_shipped === 0) return "UNFULFILLED";
  if (units_shipped < units) return "PARTIALLY_SHIPPED";
  return units_delivered === units ? "DELIVERED" : "SHIPPED";
}
