import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../tests/support/example_order.ts";
import { saleOf } from "../../tests/support/sale_of.ts";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { type ChangeOrder, changeOrder } from "./change.ts";
import { afterTransaction } from "./ledger/entries.ts";
import { type Order, ORDER_STATUSES, type OrderStatus } from "./order.ts";
import { withState } from "./state.ts";
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

/** Decides a change of an order of which nothing was refunded. */
const changeWhole = (before: Order, input: ChangeOrder) => {
  const { subtotal: goods, shipping_total: shipping, duty_total: duty, tax_total: tax } = before;
  return changeOrder(NOW, SYSTEM, before, input, { goods, shipping, duty, tax });
};

const change = (before: Partial<Order>, input: ChangeOrder) => changeWhole(exampleOrder(before), input);

const refusal = (before: Partial<Order>, input: ChangeOrder) =>
  assertThrows(() => change(before, input), AppError);

/** Which books an order in this status has: what was paid, given back, sent and delivered of it. */
const PAID: Partial<Order> = { amount_paid: 1500, amount_due: 0 };
const BOOKS: Record<OrderStatus, Partial<Order>> = {
  PENDING: {},
  PAID,
  PROCESSING: { ...PAID, status: "PROCESSING" },
  SHIPPED: { ...PAID, units_shipped: 3 },
  DELIVERED: { ...PAID, units_shipped: 3, units_delivered: 3 },
  CANCELLED: { status: "CANCELLED", amount_due: 0 },
  EXPIRED: { status: "EXPIRED", amount_due: 0 },
  REFUNDED: { ...PAID, amount_refunded: 1500 },
};

/** An order in this status, with books to match. */
const inStatus = (status: OrderStatus, known: Partial<Order> = {}): Order => {
  const order = withState(exampleOrder({ ...BOOKS[status], ...known }));
  assertEquals(order.status, status);
  return order;
};

Deno.test("A change says what it changed, counts the version up and leaves the rest alone", () => {
  const before = exampleOrder();
  const { order, changes, transactions } = changeWhole(before, {
    status: "PAID",
    note: "By invoice",
  });
  assertEquals(changes, {
    status: { from: "PENDING", to: "PAID" },
    payment_status: { from: "UNPAID", to: "PAID" },
    amount_paid: { from: 0, to: 1500 },
    amount_due: { from: 1500, to: 0 },
    note: { from: null, to: "By invoice" },
  });
  assertEquals(order, {
    ...before,
    status: "PAID",
    payment_status: "PAID",
    amount_paid: 1500,
    amount_due: 0,
    note: "By invoice",
    version: 2,
    updated_at: NOW.toISOString(),
  });
  assertEquals(transactions.map(({ kind, postings }) => ({ kind, postings })), [
    { kind: "capture", postings: { cash_at_provider: 1500, receivable: -1500 } },
  ]);
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
    const { order, changes, transactions } = changeWhole(before, same);
    assertStrictEquals(order, before);
    assertEquals([changes, transactions], [{}, []]);
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

Deno.test("An order's customer changes its note and metadata while it is PENDING, and later only staff do", () => {
  const left = { goods: 1500, shipping: 0, duty: 0, tax: 0 };
  for (const status of ORDER_STATUSES) {
    const before = exampleOrder({ status, note: "x", metadata: { a: "1" } });
    const owner: Actor = { kind: "user", userId: before.user_id, role: "customer" };
    const ask = () => changeOrder(NOW, owner, before, { note: "y", metadata: { a: "2" } }, left).order.note;
    if (status === "PENDING") assertEquals(ask(), "y");
    else {
      const error: AppError = assertThrows(ask, AppError);
      assertEquals(error.code, "invalid_transition");
      assertEquals(error.errors.map(({ pointer }) => pointer), ["/note", "/metadata"]);
    }
    const same = changeOrder(NOW, owner, before, { note: "x", metadata: { a: "1" } }, left);
    assertStrictEquals(same.order, before);
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
  const { order, transactions } = change({}, { status: "CANCELLED", cancel_reason: "Ordered twice" });
  assertEquals([order.cancelled_at, order.cancel_reason], [NOW.toISOString(), "Ordered twice"]);
  assertEquals(transactions.map(({ kind, reason }) => [kind, reason]), [["cancellation", "Ordered twice"]]);
  assertEquals(change({}, { status: "CANCELLED" }).order.cancel_reason, null);
  assertEquals(
    changeWhole(order, { status: "CANCELLED", cancel_reason: "Another" }).order,
    order,
  );
});

Deno.test("A reason to cancel without cancelling is refused, not dropped", () => {
  for (const input of [{ cancel_reason: "x" }, { status: "PAID" as const, cancel_reason: "x" }]) {
    const error = refusal({}, input);
    assertEquals([error.code, error.errors[0]!.pointer], ["invalid_request", "/cancel_reason"]);
  }
});

Deno.test("What was paid of an order that is cancelled is owed to the customer", () => {
  const { order } = changeWhole(inStatus("PAID"), { status: "CANCELLED" });
  assertEquals([order.amount_due, order.payment_status], [-1500, "PAID"]);
  const unpaid = change({}, { status: "CANCELLED" }).order;
  assertEquals([unpaid.amount_due, unpaid.payment_status], [0, "UNPAID"]);
  assertEquals(change({}, { status: "EXPIRED" }).order.amount_due, 0);
});

Deno.test("The end of an order takes back what refunds have left of its sale, each part from its own account", () => {
  const parts = { subtotal: 1430, shipping_total: 40, duty_total: 10, tax_total: 20 };
  // 700 were paid and 300 of them refunded: 290 of goods, 4 of shipping, 6 of tax.
  const before = withState(
    exampleOrder({ ...parts, amount_paid: 700, amount_refunded: 300, amount_due: 800 }),
  );
  for (const status of ["CANCELLED", "EXPIRED"] as const) {
    const left = { goods: 1140, shipping: 36, duty: 10, tax: 14 };
    const { order, transactions } = changeOrder(NOW, SYSTEM, before, { status }, left);
    assertEquals(transactions.map(({ kind, postings }) => [kind, postings]), [
      ["cancellation", { receivable: -1200, revenue: 1140, shipping: 36, duty: 10, tax: 14 }],
    ]);
    assertEquals([order.status, order.payment_status, order.amount_due], [
      status,
      "PARTIALLY_REFUNDED",
      -400,
    ]);
  }
});

Deno.test("Paying what is left of an order pays exactly that", () => {
  const { order, transactions } = change({ amount_paid: 400, amount_due: 1100 }, { status: "PAID" });
  assertEquals(transactions.map(({ postings }) => postings), [{ cash_at_provider: 1100, receivable: -1100 }]);
  assertEquals([order.amount_paid, order.amount_due, order.payment_status], [1500, 0, "PAID"]);
});

Deno.test("A refund takes each part of the total off its own account", () => {
  const before = inStatus("PAID", { subtotal: 1430, shipping_total: 40, duty_total: 10, tax_total: 20 });
  const { order, transactions } = changeWhole(before, { status: "REFUNDED" });
  assertEquals(transactions.map(({ postings }) => postings), [
    { cash_at_provider: -1500, receivable: 0, refunds: 1430, shipping: 40, duty: 10, tax: 20 },
  ]);
  assertEquals([order.amount_paid, order.amount_refunded, order.amount_due], [1500, 1500, 0]);
});

Deno.test("Where a status says too little of the books it is refused", () => {
  const refused: [what: string, before: Order, status: OrderStatus][] = [
    ["a payment is authorised", inStatus("PENDING", { amount_authorised: 1 }), "PAID"],
    ["a part was shipped", inStatus("PROCESSING", { units_shipped: 1 }), "CANCELLED"],
    ["a part was refunded", inStatus("PAID", { amount_refunded: 1 }), "REFUNDED"],
    ["more than the total was paid", inStatus("PAID", { amount_paid: 1501, amount_due: -1 }), "REFUNDED"],
    ["nothing was paid", inStatus("PAID", { total_price: 0, amount_paid: 0, amount_due: 0 }), "REFUNDED"],
  ];
  for (const [what, before, status] of refused) {
    const error = assertThrows(() => changeWhole(before, { status }), AppError, undefined, what);
    assertEquals([error.code, error.errors[0]!.pointer], ["invalid_transition", "/status"], what);
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
    const ledger = [saleOf(order)];
    for (const input of steps) {
      let next;
      try {
        next = changeWhole(order, input);
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
      ledger.push(...next.transactions);
      order = next.order;
      const { status, payment_status, fulfilment_status } = withState(order);
      assertEquals(
        [status, payment_status, fulfilment_status],
        [order.status, order.payment_status, order.fulfilment_status],
      );
    }
    for (const { postings } of ledger) {
      assertEquals(Object.values(postings).reduce((sum, each) => sum + each, 0) + 0, 0);
    }
    const { amount_due, amount_paid, amount_refunded } = ledger.reduce(
      afterTransaction,
      exampleOrder({ amount_due: 0 }),
    );
    assertEquals([order.amount_due, order.amount_paid, order.amount_refunded], [
      amount_due,
      amount_paid,
      amount_refunded,
    ]);
    assertEquals(
      Math.min(order.amount_paid, order.amount_refunded, order.amount_paid - order.amount_refunded) >= 0,
      true,
    );
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
        const change = () => changeWhole(inStatus(from), { status: to });
        if (possible) assertEquals(change().order.status, to);
        else assertEquals(assertThrows(change, AppError).code, "invalid_transition");
      },
    ),
  );
});

Deno.test("Staff say until when an order waits for its money: in the future, while it is PENDING, and never less than a promise keeps", () => {
  const at = (day: number) => `2026-02-${String(day).padStart(2, "0")}T09:00:00.000Z`;
  const after = (before: Partial<Order>, day: number) => {
    const { order, changes } = change(before, { pay_by: at(day) });
    return [order.pay_by, order.expires_at, Object.keys(changes)];
  };
  assertEquals(after({ expires_at: at(2) }, 9), [at(9), at(9), ["expires_at", "pay_by"]]);
  assertEquals(after({ expires_at: null }, 9), [at(9), at(9), ["expires_at", "pay_by"]]);
  assertEquals(after({ expires_at: at(9), pay_by: at(9) }, 5), [at(5), at(5), ["expires_at", "pay_by"]]);
  assertEquals(after({ expires_at: at(9), pay_by: at(3) }, 5), [at(5), at(9), ["pay_by"]]);
  assertEquals(after({ expires_at: at(9), pay_by: at(9) }, 9), [at(9), at(9), []]);
  const promised = { expires_at: at(9), pay_by: at(9), amount_authorised: 1 };
  assertEquals(after(promised, 5), [at(5), at(9), ["pay_by"]]);
  const refusal = (before: Partial<Order>, pay_by: string, actor: Actor = SYSTEM) => {
    const order = exampleOrder(before);
    const left = { goods: order.subtotal, shipping: 0, duty: 0, tax: 0 };
    const { code, errors } = assertThrows(() => changeOrder(NOW, actor, order, { pay_by }, left), AppError);
    return [code, errors[0]?.pointer];
  };
  assertEquals(refusal({}, at(1)), ["invalid_request", "/pay_by"]);
  assertEquals(refusal({ status: "PAID" }, at(9)), ["invalid_transition", "/pay_by"]);
  assertEquals(refusal({}, at(9), { kind: "user", userId: exampleOrder().user_id, role: "customer" }), [
    "forbidden",
    undefined,
  ]);
});
