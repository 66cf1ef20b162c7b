import type { Order } from "../../src/orders/mod.ts";

/** An order of two lines, PENDING, with every optional field empty, save what `known` says. */
export function exampleOrder(known: Partial<Order> = {}): Order {
  return {
    id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    number: "WB-100001",
    user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
    status: "PENDING",
    payment_status: "UNPAID",
    fulfilment_status: "UNFULFILLED",
    currency: "EUR",
    items: [1, 2].map((line) => ({
      line,
      product_id: `0192f0bf-3c44-7b1d-9a10-62f7d0a4e91${line}`,
      sku: `SKU-${line}`,
      name: `Product ${line}`,
      quantity: line,
      unit_price: 500,
      list_price: null,
      line_total: 500 * line,
    })),
    subtotal: 1500,
    total_price: 1500,
    ship_to: {
      name: "Ada Lovelace",
      lines: ["Hauptstr. 1"],
      city: "Berlin",
      postal_code: "10115",
      country: "DE",
    },
    note: null,
    metadata: {},
    external_reference: null,
    placed_by: "user:0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
    placed_at: "2026-01-31T12:00:00.000Z",
    created_at: "2026-01-31T12:00:00.000Z",
    updated_at: "2026-01-31T12:00:00.000Z",
    expires_at: "2026-01-31T12:30:00.000Z",
    cancelled_at: null,
    cancel_reason: null,
    version: 1,
    ...known,
  };
}
