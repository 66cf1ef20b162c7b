import { assertEquals } from "@std/assert";
import { isKnownPattern, wants } from "./event_types.ts";

Deno.test("an endpoint gets what it asked for by name, by family or altogether, and nothing else", () => {
  const types = ["order.created", "order.updated", "orders.created", "product.created"];
  const got = (pattern: string) => types.filter((type) => wants(pattern, type));
  assertEquals(got("*"), types);
  assertEquals(got("order.*"), ["order.created", "order.updated"]);
  assertEquals(got("order.created"), ["order.created"]);
  assertEquals(got("order"), []);
  assertEquals(got("order.c*"), []);
});

Deno.test("what no event answers to is not known", () => {
  for (const known of ["*", "order.*", "order.created", "product.updated"]) {
    assertEquals(isKnownPattern(known), true, known);
  }
  for (
    const unknown of ["", "**", "*.created", "order", "order.", "order.c*", "shop.*", "order.lost", ".*"]
  ) {
    assertEquals(isKnownPattern(unknown), false, unknown);
  }
});
