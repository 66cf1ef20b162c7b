import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../tests/support/example_order.ts";
import type { Order } from "./order.ts";
import { OrderSchema } from "./schemas.ts";
import { orderView } from "./view.ts";

/** The same data with every object's fields in another order, as jsonb or another process may give it back. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, each]) => [key, shuffled(each)]));
}

Deno.test("An order is answered in the same bytes wherever it was kept", () => {
  const metadata = fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.string({ maxLength: 5 }));
  fc.assert(fc.property(metadata, fc.option(fc.string()), (metadata, note) => {
    const order = exampleOrder({
      metadata,
      note,
      ship_to: { ...exampleOrder().ship_to, region: "BE", phone: "+49 30 1" },
    });
    const other = shuffled(order) as Order;
    assertNotEquals(JSON.stringify(other), JSON.stringify(order));
    assertEquals(JSON.stringify(orderView(other)), JSON.stringify(orderView(order)));
  }));
});

Deno.test("The view has every field of the schema and invents none", () => {
  const order = exampleOrder({ ship_to: { ...exampleOrder().ship_to, region: "BE", phone: "+49 30 1" } });
  assertEquals(orderView(order), order);
  assertEquals(Object.keys(orderView(order)), Object.keys(OrderSchema.shape));
  assertEquals(orderView({ ...order, secret: "x" } as Order), order);
});

Deno.test("Parts of an address that were left out stay left out", () => {
  assertEquals(JSON.parse(JSON.stringify(orderView(exampleOrder()))).ship_to, exampleOrder().ship_to);
});

Deno.test("What an order was told without, before it had that, is answered as null", () => {
  const { pay_by: _, ...told } = exampleOrder();
  assertEquals(JSON.parse(JSON.stringify(orderView(told as Order))), { ...told, pay_by: null });
});
