import type { Order } from "./order.ts";

/** The order as it is answered: always the same fields in the same order, wherever it was kept. */
export function orderView(order: Order): Order {
  return {
    id: order.id,
    number: order.number,
    user_id: order.user_id,
    status: order.status,
    payment_status: order.payment_status,
    fulfilment_status: order.fulfilment_status,
    currency: order.currency,
    items: order.items.map((item) => ({
      line: item.line,
      product_id: item.product_id,
      sku: item.sku,
      name: item.name,
      quantity: item.quantity,
      unit_price: item.unit_price,
      list_price: item.list_price,
      line_total: item.line_total,
    })),
    subtotal: order.subtotal,
    total_price: order.total_price,
    ship_to: {
      name: order.ship_to.name,
      lines: order.ship_to.lines,
      city: order.ship_to.city,
      postal_code: order.ship_to.postal_code,
      region: order.ship_to.region,
      country: order.ship_to.country,
      phone: order.ship_to.phone,
    },
    note: order.note,
    metadata: Object.fromEntries(Object.entries(order.metadata).sort(([a], [b]) => a < b ? -1 : 1)),
    external_reference: order.external_reference,
    placed_by: order.placed_by,
    placed_at: order.placed_at,
    created_at: order.created_at,
    updated_at: order.updated_at,
    expires_at: order.expires_at,
    cancelled_at: order.cancelled_at,
    cancel_reason: order.cancel_reason,
    version: order.version,
  };
}
