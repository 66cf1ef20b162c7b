import type { LedgerTransaction, Order } from "../../src/orders/mod.ts";

/** The sale as the statement that places an order books it, for tests of what comes after it. */
export function saleOf(order: Order): LedgerTransaction {
  return {
    order_id: order.id,
    kind: "sale",
    currency: order.currency,
    postings: {
      receivable: order.total_price,
      revenue: -order.subtotal,
      shipping: -order.shipping_total,
      duty: -order.duty_total,
      tax: -order.tax_total,
    },
  };
}
