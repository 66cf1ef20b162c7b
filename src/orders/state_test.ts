import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../tests/support/example_order.ts";
import { type Order, ORDER_STATUSES } from "./order.ts";
import { withState } from "./state.ts";

/** Of an order of 100 with 4 units: total, authorised, paid, refunded, due. */
function amounts(of: Partial<Order>): Partial<Order> {
  const { total_price = 100, amount_paid = 0, amount_refunded = 0 } = of;
  return {
    total_price,
    amount_paid,
    amount_refunded,
    amount_due: total_price - amount_paid,
    units: 4,
    ...of,
  };
}

const statuses = (of: Partial<Order>) => {
  const { status, payment_status, fulfilment_status } = withState(exampleOrder(amounts(of)));
  return `${status} ${payment_status} ${fulfilment_status}`;
};

const paid = { amount_paid: 100 };
/** A refund of goods: it lowers what was sold as much as what was paid, so nothing is due either way. */
const refunded = (amount_refunded: number) => ({ ...paid, amount_refunded, amount_due: 0 });

const TABLE: [what: string, of: Partial<Order>, expected: string][] = [
  ["nothing is paid", {}, "PENDING UNPAID UNFULFILLED"],
  ["money is reserved", { amount_authorised: 100 }, "PENDING AUTHORISED UNFULFILLED"],
  ["a part is paid", { amount_paid: 99 }, "PENDING PARTIALLY_PAID UNFULFILLED"],
  [
    "a part is paid, the rest reserved",
    { amount_paid: 60, amount_authorised: 40 },
    "PENDING PARTIALLY_PAID UNFULFILLED",
  ],
  ["all is paid", paid, "PAID PAID UNFULFILLED"],
  ["too much is paid", { amount_paid: 130 }, "PAID PAID UNFULFILLED"],
  [
    "what was too much went back",
    { amount_paid: 130, amount_refunded: 30, amount_due: 0 },
    "PAID PAID UNFULFILLED",
  ],
  ["nothing is to be paid", { total_price: 0 }, "PAID PAID UNFULFILLED"],
  ["somebody has begun", { ...paid, status: "PROCESSING" }, "PROCESSING PAID UNFULFILLED"],
  ["a part has left", { ...paid, units_shipped: 1 }, "PROCESSING PAID PARTIALLY_SHIPPED"],
  [
    "a part has arrived",
    { ...paid, units_shipped: 3, units_delivered: 3 },
    "PROCESSING PAID PARTIALLY_SHIPPED",
  ],
  ["all has left", { ...paid, units_shipped: 4, units_delivered: 3 }, "SHIPPED PAID SHIPPED"],
  ["all has arrived", { ...paid, units_shipped: 4, units_delivered: 4 }, "DELIVERED PAID DELIVERED"],
  ["a part of the money went back", refunded(1), "PAID PARTIALLY_REFUNDED UNFULFILLED"],
  ["all of the money went back", refunded(100), "REFUNDED REFUNDED UNFULFILLED"],
  [
    "all of the part that was paid went back, and the rest is due",
    { amount_paid: 10, amount_refunded: 10, amount_due: 90 },
    "PENDING REFUNDED UNFULFILLED",
  ],
  [
    "some came back",
    { ...refunded(25), units_shipped: 4, units_delivered: 4, units_returned: 1 },
    "DELIVERED PARTIALLY_REFUNDED PARTIALLY_RETURNED",
  ],
  [
    "all came back",
    { ...refunded(100), units_shipped: 4, units_delivered: 4, units_returned: 4 },
    "REFUNDED REFUNDED RETURNED",
  ],
  [
    "all came back and is not refunded yet",
    { ...paid, units_shipped: 4, units_delivered: 4, units_returned: 4 },
    "DELIVERED PAID RETURNED",
  ],
  [
    "all was refunded before it left, save its shipping",
    { ...refunded(90), units: 0 },
    "REFUNDED PARTIALLY_REFUNDED UNFULFILLED",
  ],
  [
    "all was refunded before all of it was paid",
    { amount_paid: 90, amount_refunded: 90, amount_due: 10, units: 0 },
    "PENDING REFUNDED UNFULFILLED",
  ],
  ["it was cancelled unpaid", { status: "CANCELLED", amount_due: 0 }, "CANCELLED UNPAID UNFULFILLED"],
  ["it was cancelled paid", { ...paid, status: "CANCELLED", amount_due: -100 }, "CANCELLED PAID UNFULFILLED"],
  [
    "it was cancelled and refunded",
    { ...refunded(100), status: "CANCELLED" },
    "CANCELLED REFUNDED UNFULFILLED",
  ],
  [
    "a part of what was paid in part went back, and the rest is due",
    { amount_paid: 60, amount_refunded: 20, amount_due: 40 },
    "PENDING PARTIALLY_PAID UNFULFILLED",
  ],
  [
    "it was refunded and money comes all the same",
    { status: "REFUNDED", amount_paid: 130, amount_refunded: 100, amount_due: -30 },
    "REFUNDED PARTIALLY_REFUNDED UNFULFILLED",
  ],
  [
    "it was cancelled after a part was paid",
    { amount_paid: 60, status: "CANCELLED", amount_due: -60 },
    "CANCELLED PARTIALLY_PAID UNFULFILLED",
  ],
  ["it expired", { status: "EXPIRED", amount_due: 0 }, "EXPIRED UNPAID UNFULFILLED"],
  ["it was paid too late", { ...paid, status: "EXPIRED", amount_due: -100 }, "EXPIRED PAID UNFULFILLED"],
];

for (const [what, of, expected] of TABLE) {
  Deno.test(`When ${what} an order is ${expected}`, () => assertEquals(statuses(of), expected));
}

/** The statuses that somebody decides on; every other one is forgotten by the next look at the books. */
const DECIDED = ["CANCELLED", "EXPIRED", "PROCESSING", "REFUNDED"];

Deno.test("For all amounts and units the statuses follow from them, whatever they were before", () => {
  const books = fc.record({
    total_price: fc.integer({ min: 0, max: 3 }),
    amount_authorised: fc.integer({ min: 0, max: 1 }),
    amount_paid: fc.integer({ min: 0, max: 3 }),
    refunded: fc.integer({ min: 0, max: 3 }),
    owed: fc.integer({ min: -3, max: 3 }),
    units: fc.integer({ min: 0, max: 3 }),
    moved: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
  }).map(({ refunded, owed, moved, ...of }) => ({
    ...of,
    amount_refunded: Math.min(refunded, of.amount_paid),
    amount_due: owed,
    units_shipped: Math.min(moved[0], of.units),
    units_delivered: Math.min(moved[1], moved[0], of.units),
    units_returned: Math.min(moved[2], moved[0], of.units),
  }));
  fc.assert(fc.property(books, fc.constantFrom(...ORDER_STATUSES), (of, status) => {
    const order = withState(exampleOrder({ ...of, status }));
    assertEquals(withState(order), order, "looking again changes nothing");
    const { status: _, payment_status: __, fulfilment_status: ___, ...rest } = order;
    const { status: _1, payment_status: _2, fulfilment_status: _3, ...given } = exampleOrder(of);
    assertEquals(rest, given, "only the statuses are set");
    if (DECIDED.includes(status)) return;
    for (const other of ORDER_STATUSES.filter((each) => !DECIDED.includes(each))) {
      const twin = exampleOrder({
        ...of,
        status: other,
        payment_status: "REFUNDED",
        fulfilment_status: "RETURNED",
      });
      assertEquals(withState(twin), order);
    }
  }));
});
