import { assertEquals, assertThrows } from "@std/assert";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { ORDER_STATUSES, type OrderStatus } from "./order.ts";
import { exampleOrder } from "../../tests/support/example_order.ts";
import { derivedStatuses, findTransition } from "./transitions.ts";

const ACTORS: Record<string, Actor> = {
  customer: { kind: "user", userId: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", role: "customer" },
  staff: { kind: "user", userId: "0192f0c0-33cc-7e0f-8c55-4d1a9c3e7b22", role: "staff" },
  admin: { kind: "user", userId: "0192f0c0-44dd-7e0f-8c55-4d1a9c3e7b23", role: "admin" },
  system: { kind: "system", name: "expiry" },
};

/** `from to`: who may, and what happens to the stock. Every pair that is not here must be impossible. */
const EXPECTED: Record<string, [who: string, stock: string | undefined]> = {
  "PENDING PAID": ["staff admin system", undefined],
  "PENDING CANCELLED": ["customer staff admin system", "release"],
  "PENDING EXPIRED": ["system", "release"],
  "PAID PROCESSING": ["staff admin system", undefined],
  "PAID CANCELLED": ["staff admin system", "release"],
  "PAID REFUNDED": ["staff admin system", "release"],
  "PROCESSING SHIPPED": ["staff admin system", "shipment"],
  "PROCESSING CANCELLED": ["staff admin system", "release"],
  "PROCESSING REFUNDED": ["staff admin system", "release"],
  "SHIPPED DELIVERED": ["staff admin system", undefined],
  "SHIPPED REFUNDED": ["staff admin system", undefined],
  "DELIVERED REFUNDED": ["staff admin system", undefined],
};

for (const from of ORDER_STATUSES) {
  for (const to of ORDER_STATUSES.filter((to) => to !== from)) {
    const expected = EXPECTED[`${from} ${to}`];
    const name = expected
      ? `${from} becomes ${to} by ${expected[0].replaceAll(" ", ", ")}, with ${
        expected[1] ?? "nothing"
      } for the stock`
      : `${from} never becomes ${to}`;
    Deno.test(name, () => {
      const order = exampleOrder({ status: from });
      for (const [who, actor] of Object.entries(ACTORS)) {
        if (!expected) {
          const error = assertThrows(() => findTransition(order, to, actor), AppError);
          assertEquals(error.code, "invalid_transition");
          const possible = ORDER_STATUSES.filter((status) => EXPECTED[`${from} ${status}`]);
          assertEquals([...error.errors[0]!.allowed as OrderStatus[]].sort(), possible.sort());
        } else if (expected[0].split(" ").includes(who)) {
          assertEquals(findTransition(order, to, actor).stock, expected[1] as never);
        } else {
          assertEquals(assertThrows(() => findTransition(order, to, actor), AppError).code, "forbidden");
        }
      }
    });
  }
}

Deno.test("Stock is held exactly while an order can still be shipped", () => {
  const holds = new Map<string, boolean>([["PENDING", true]]);
  for (let round = 0; round < ORDER_STATUSES.length; round++) {
    for (const [pair, [, stock]] of Object.entries(EXPECTED)) {
      const [from, to] = pair.split(" ") as [string, string];
      if (!holds.has(from)) continue;
      const held = holds.get(from)! && stock === undefined;
      assertEquals(
        holds.get(to) ?? held,
        held,
        `${to} must hold the same stock whichever way it was reached`,
      );
      holds.set(to, held);
      assertEquals(stock !== undefined && !holds.get(from), false, `${pair} moves stock that is not held`);
    }
  }
  assertEquals([...holds].filter(([, held]) => held).map(([status]) => status), [
    "PENDING",
    "PAID",
    "PROCESSING",
  ]);
});

Deno.test("The statuses of payment and fulfilment follow the status", () => {
  const follow = (from: Parameters<typeof exampleOrder>[0], to: OrderStatus) => {
    const { payment_status, fulfilment_status } = derivedStatuses(exampleOrder(from), to);
    return `${payment_status} ${fulfilment_status}`;
  };
  assertEquals(follow({}, "PAID"), "PAID UNFULFILLED");
  assertEquals(follow({ payment_status: "PAID" }, "PROCESSING"), "PAID UNFULFILLED");
  assertEquals(follow({ payment_status: "PAID" }, "SHIPPED"), "PAID SHIPPED");
  assertEquals(
    follow({ payment_status: "PAID", fulfilment_status: "SHIPPED" }, "DELIVERED"),
    "PAID DELIVERED",
  );
  assertEquals(
    follow({ payment_status: "PAID", fulfilment_status: "DELIVERED" }, "REFUNDED"),
    "REFUNDED DELIVERED",
  );
  assertEquals(follow({}, "CANCELLED"), "UNPAID UNFULFILLED");
  assertEquals(follow({}, "EXPIRED"), "UNPAID UNFULFILLED");
});
