import { type Actor, actorRole, isStaff } from "../platform/ctx.ts";
import type { Read } from "../platform/read_through.ts";
import type { Order } from "./order.ts";

/** The order as this reader may see it: customers learn that staff placed it, not who. */
export function orderFor(reader: Actor, order: Order): Order {
  const view = orderView(order);
  const role = actorRole(view.placed_by, view.user_id);
  return isStaff(reader) || role === "customer" ? view : { ...view, placed_by: role };
}

/** The same of an order whose text is there, which most readers may see as it is. */
export function orderTextFor(reader: Actor, { value, json }: Read<Order>): string {
  return isStaff(reader) || actorRole(value.placed_by, value.user_id) === "customer"
    ? json
    : JSON.stringify(orderFor(reader, value));
}

/** The order as it is kept: always the same fields in the same order, wherever it was kept. */
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
      // What was kept or told of before units could be cancelled lacks it.
      cancelled: item.cancelled ?? 0,
      // And so does what was told of before lines counted these: an order that was just placed.
      shipped: item.shipped ?? 0,
      returned: item.returned ?? 0,
      unit_price: item.unit_price,
      list_price: item.list_price,
      discount_amount: item.discount_amount ?? 0,
      line_total: item.line_total,
      shipping_amount: item.shipping_amount,
      duty_amount: item.duty_amount,
      tax_amount: item.tax_amount,
      shipping_tax_amount: item.shipping_tax_amount ?? null,
      hs_code: item.hs_code,
      country_of_origin: item.country_of_origin,
      weight_grams: item.weight_grams,
    })),
    coupon_code: order.coupon_code ?? null,
    discount_total: order.discount_total ?? 0,
    subtotal: order.subtotal,
    shipping_total: order.shipping_total,
    duty_total: order.duty_total,
    tax_total: order.tax_total,
    total_price: order.total_price,
    amount_authorised: order.amount_authorised,
    amount_paid: order.amount_paid,
    amount_refunded: order.amount_refunded,
    amount_due: order.amount_due,
    units: order.units,
    units_shipped: order.units_shipped,
    units_delivered: order.units_delivered,
    units_returned: order.units_returned,
    quote_id: order.quote_id,
    incoterm: order.incoterm,
    shipping_option: order.shipping_option,
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
    pay_by: order.pay_by ?? null,
    cancelled_at: order.cancelled_at,
    cancel_reason: order.cancel_reason,
    version: order.version,
  };
}
