import { assertEquals, assertThrows } from "@std/assert";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { ORDER_STATUSES, type OrderStatus } from "./order.ts";
import { exampleOrder } from "../../tests/support/example_order.ts";
import { refuseTransition } from "./transitions.ts";

const ACTORS: Record<string, Actor> = {
  customer: { kind: "user", userId: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", role: "customer" },
  staff: { kind: "user", userId: "0192f0c0-33cc-7e0f-8c55-4d1a9c3e7b22", role: "staff" },
  admin: { kind: "user", userId: "0192f0c0-44dd-7e0f-8c55-4d1a9c3e7b23", role: "admin" },
  system: { kind: "system", name: "expiry" },
};

/** `from to`: who may. Every pair that is not here must be impossible. */
const EXPECTED: Record<string, string> = {
  "PENDING PAID": "staff admin system",
  "PENDING CANCELLED": "customer staff admin system",
  "PENDING EXPIRED": "system",
  "PAID PROCESSING": "staff admin system",
  "PAID CANCELLED": "staff admin system",
  "PAID REFUNDED": "staff admin system",
  "PROCESSING SHIPPED": "staff admin system",
  "PROCESSING CANCELLED": "staff admin system",
  "PROCESSING REFUNDED": "staff admin system",
  "SHIPPED DELIVERED": "staff admin system",
  "SHIPPED REFUNDED": "staff admin system",
  "DELIVERED REFUNDED": "staff admin system",
};

for (const from of ORDER_STATUSES) {
  for (const to of ORDER_STATUSES.filter((to) => to !== from)) {
    const expected = EXPECTED[`${from} ${to}`]?.split(" ");
    const name = expected ? `${from} becomes ${to} by ${expected.join(", ")}` : `${from} never becomes ${to}`;
    Deno.test(name, () => {
      const order = exampleOrder({ status: from });
      for (const [who, actor] of Object.entries(ACTORS)) {
        if (!expected) {
          const error = assertThrows(() => refuseTransition(order, to, actor), AppError);
          assertEquals(error.code, "invalid_transition");
          const possible = ORDER_STATUSES.filter((status) => EXPECTED[`${from} ${status}`]);
          assertEquals([...error.errors[0]!.allowed as OrderStatus[]].sort(), possible.sort());
        } else if (expected.includes(who)) {
          refuseTransition(order, to, actor);
        } else {
          assertEquals(assertThrows(() => refuseTransition(order, to, actor), AppError).code, "forbidden");
        }
      }
    });
  }
}
