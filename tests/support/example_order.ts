import { EXAMPLE_ORDER } from "../../src/orders/example.ts";
import type { Order } from "../../src/orders/mod.ts";

/** The documented example with two lines and no metadata, save what `known` says. */
export function exampleOrder(known: Partial<Order> = {}): Order {
  const [item] = EXAMPLE_ORDER.items;
  return {
    ...EXAMPLE_ORDER,
    items: [1, 2].map((line) => ({
      ...item!,
      line,
      product_id: `0192f0bf-3c44-7b1d-9a10-62f7d0a4e91${line}`,
      sku: `SKU-${line}`,
      name: `Product ${line}`,
      quantity: line,
      unit_price: 500,
      line_total: 500 * line,
      hs_code: null,
      country_of_origin: null,
      weight_grams: null,
    })),
    subtotal: 1500,
    total_price: 1500,
    amount_due: 1500,
    units: 3,
    metadata: {},
    ...known,
  };
}
