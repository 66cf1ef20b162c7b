import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../tests/support/example_order.ts";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { type ChangeOrder, changeOrder } from "./change.ts";
import { ORDER_STATUSES, type OrderStatus } from "./order.ts";
import { TRANSITIONS } from "./transitions.ts";

const NOW = new Date("2026-02-01T09:00:00.000Z");
const SYSTEM: Actor = { kind: "system", name: "test" };
const ELSEWHERE = {
  name: "Ada Lovelace",
  lines: ["1 High St"],
  city: "Leeds",
  postal_code: "LS1 1UR",
  country: "GB",
};

const change = (before: Parameters<typeof exampleOrder>[0], input: ChangeOrder) =>
  changeOrder(NOW, SYSTEM, exampleOrder(before), input);

const refusal = (before: Parameters<typeof exampleOrder>[0], input: ChangeOrder) =>
  assertThrows(() => change(before, input), AppError);

Deno.test("A change says what it changed, counts the version up and leaves the rest alone", () => {
  const before = exampleOrder();
  const { order, changes, stock } = changeOrder(NOW, SYSTEM, before, { status: "PAID", note: "By invoice" });
  assertEquals(changes, {
    status: { from: "PENDING", to: "PAID" },
    payment_status: { from: "UNPAID", to: "PAID" },
    note: { from: null, to: "By invoice" },
  });
  assertEquals(order, {
    ...before,
    status: "PAID",
    payment_status: "PAID",
    note: "By invoice",
    version: 2,
    updated_at: NOW.toISOString(),
  });
  assertEquals(stock, undefined);
  assertEquals(before, exampleOrder(), "the order that came in is not touched");
});

Deno.test("What changes nothing gives back the order itself, with its version", () => {
  const before = exampleOrder({ note: "x", metadata: { a: "1" } });
  const sames: ChangeOrder[] = [
    {},
    { status: "PENDING" as const },
    { note: "x" },
    { metadata: {} },
    { metadata: { a: "1", b: null } },
    {
      ship_to: {
        country: "DE",
        city: "Berlin",
        lines: ["Hauptstr. 1"],
        postal_code: "10115",
        name: "Ada Lovelace",
      },
    },
  ];
  for (const same of sames) {
    const { order, changes, stock } = changeOrder(NOW, SYSTEM, before, same);
    assertStrictEquals(order, before);
    assertEquals([changes, stock], [{}, undefined]);
  }
});

Deno.test("Metadata is merged: new keys join, null removes, the rest stays", () => {
  const { order, changes } = change({ metadata: { keep: "1", change: "2", drop: "3" } }, {
    metadata: { change: "two", drop: null, add: "4", never: null },
  });
  assertEquals(order.metadata, { keep: "1", change: "two", add: "4" });
  assertEquals(changes.metadata, {
    from: { keep: "1", change: "2", drop: "3" },
    to: { keep: "1", change: "two", add: "4" },
  });
});

Deno.test("Metadata stays at fifty keys or fewer, counted after the merge", () => {
  const fifty = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "v"]));
  assertEquals(
    Object.keys(change({ metadata: fifty }, { metadata: { k0: null, more: "v" } }).order.metadata).length,
    50,
  );
  const error = refusal({ metadata: fifty }, { metadata: { more: "v" } });
  assertEquals([error.code, error.errors[0]!.pointer], ["invalid_request", "/metadata"]);
});

Deno.test("Note and metadata may be taken away, and change in every status", () => {
  for (const status of ORDER_STATUSES) {
    const { order, changes } = change({ status, note: "x", metadata: { a: "1" } }, {
      note: null,
      metadata: { a: null },
    });
    assertEquals([order.note, order.metadata, order.status], [null, {}, status]);
    assertEquals(Object.keys(changes).sort(), ["metadata", "note"]);
  }
});

Deno.test("The address changes while PENDING and never after", () => {
  assertEquals(change({}, { ship_to: ELSEWHERE }).order.ship_to, ELSEWHERE);
  assertEquals(change({}, { ship_to: ELSEWHERE, status: "PAID" }).order.ship_to, ELSEWHERE);
  for (const status of ORDER_STATUSES.filter((status) => status !== "PENDING")) {
    const error = refusal({ status }, { ship_to: ELSEWHERE });
    assertEquals([error.code, error.errors[0]!.pointer], ["invalid_transition", "/ship_to"]);
    assertEquals(
      change({ status }, { ship_to: exampleOrder().ship_to }).changes,
      {},
      "the same address is no change",
    );
  }
});

Deno.test("A cancelled order keeps when and why; giving another reason later changes nothing", () => {
  const { order, stock } = change({}, { status: "CANCELLED", cancel_reason: "Ordered twice" });
  assertEquals([order.cancelled_at, order.cancel_reason, stock], [
    NOW.toISOString(),
    "Ordered twice",
    "release",
  ]);
  assertEquals(change({}, { status: "CANCELLED" }).order.cancel_reason, null);
  assertEquals(
    changeOrder(NOW, SYSTEM, order, { status: "CANCELLED", cancel_reason: "Another" }).order,
    order,
  );
});

Deno.test("A reason to cancel without cancelling is refused, not dropped", () => {
  for (const input of [{ cancel_reason: "x" }, { status: "PAID" as const, cancel_reason: "x" }]) {
    const error = refusal({}, input);
    assertEquals([error.code, error.errors[0]!.pointer], ["invalid_request", "/cancel_reason"]);
  }
});

const texts = fc.string({ maxLength: 8 });
const step: fc.Arbitrary<ChangeOrder> = fc.record({
  status: fc.constantFrom(...ORDER_STATUSES),
  note: fc.option(texts),
  metadata: fc.dictionary(fc.constantFrom("a", "b", "1", "__proto__", "constructor"), fc.option(texts)),
  ship_to: fc.constantFrom(ELSEWHERE, exampleOrder().ship_to),
}, { requiredKeys: [] });

Deno.test("For all changes the version counts them without a gap, and what they say is all that differs", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
    let order = exampleOrder();
    for (const input of steps) {
      let next;
      try {
        next = changeOrder(NOW, SYSTEM, order, input);
      } catch (error) {
        assertEquals((error as AppError).code, "invalid_transition");
        continue;
      }
      const replayed: Record<string, unknown> = { ...order };
      for (const [field, { from, to }] of Object.entries(next.changes)) {
        assertEquals(from, order[field as keyof typeof order]);
        replayed[field] = to;
      }
      const changed = Object.keys(next.changes).length > 0;
      if (changed) Object.assign(replayed, { version: order.version + 1, updated_at: NOW.toISOString() });
      assertEquals(replayed, { ...next.order });
      assertEquals(
        next.stock,
        order.status === next.order.status ? undefined : TRANSITIONS[order.status][next.order.status]!.stock,
      );
      order = next.order;
    }
    assertEquals(JSON.parse(JSON.stringify(order)), order, "an order is plain data");
  }));
});

Deno.test("For all statuses an order only ever goes where the table says", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ORDER_STATUSES),
      fc.constantFrom(...ORDER_STATUSES),
      (from: OrderStatus, to) => {
        const possible = from === to || TRANSITIONS[from][to] !== undefined;
        if (possible) assertEquals(change({ status: from }, { status: to }).order.status, to);
        else assertEquals(refusal({ status: from }, { status: to }).code, "invalid_transition");
      },
    ),
  );
});
