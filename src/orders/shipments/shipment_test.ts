import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../../tests/support/example_order.ts";
import { AppError } from "../../platform/errors.ts";
import { ORDER_STATUSES } from "../order.ts";
import {
  changedShipment,
  linesToShip,
  type LineUnits,
  refuseUnlessShippable,
  type Shipment,
  shippableLines,
  withoutUnits,
} from "./shipment.ts";

const NOW = new Date("2026-02-01T09:00:00.000Z");
const SHIPMENT: Shipment = {
  id: "0192f0d0-5b1e-7f02-9c44-2a7d6e8f9b31",
  order_id: exampleOrder().id,
  status: "shipped",
  items: [{ line: 1, sku: "MUG-BLUE", quantity: 1 }],
  carrier: "DHL",
  tracking_number: null,
  tracking_url: null,
  weight_grams: null,
  version: 1,
  shipped_at: "2026-01-31T12:00:00.000Z",
  delivered_at: null,
  cancelled_at: null,
  updated_at: "2026-01-31T12:00:00.000Z",
};
/** Line 1 has one unit and line 2 has two. */
const ORDER = exampleOrder();
const ALL: LineUnits[] = [{ line: 1, quantity: 1 }, { line: 2, quantity: 2 }];

Deno.test("Of units that are cancelled none has left; the order wants so many less, of these lines", () => {
  const sent = ORDER.items.map((item) => ({ ...item, shipped: 1 }));
  const { items, units } = withoutUnits({ ...ORDER, items: sent }, ALL);
  assertEquals([items.map(({ cancelled }) => cancelled), units], [[0, 1], 2]);
  const some = withoutUnits(ORDER, [{ line: 2, quantity: 1 }]);
  const again = withoutUnits(some, [{ line: 2, quantity: 1 }]);
  assertEquals([again.items.map(({ cancelled }) => cancelled), again.units], [[0, 2], 1]);
});

Deno.test("Goods leave an order while it is PAID or PROCESSING, and never otherwise", () => {
  for (const status of ORDER_STATUSES) {
    const ship = () => refuseUnlessShippable(exampleOrder({ status }));
    if (status === "PAID" || status === "PROCESSING") ship();
    else assertEquals(assertThrows(ship, AppError).code, "invalid_transition");
  }
});

Deno.test("Without a word on what leaves, all that is left does", () => {
  assertEquals(linesToShip(ORDER, ALL), ALL);
  assertEquals(linesToShip(ORDER, [ALL[1]!]), [ALL[1]!]);
});

Deno.test("Units whose refund is under way do not leave, nor does anything of an order whose whole money is", () => {
  const order = exampleOrder({ amount_paid: 1000, amount_refunded: 200 });
  const some = shippableLines(order, {
    amount: 300,
    items: [{ line: 1, quantity: 1 }, { line: 2, quantity: 1 }],
  });
  assertEquals(some, [{ ...ALL[1]!, quantity: 1 }]);
  assertEquals(shippableLines(order, { amount: 0, items: [] }), ALL);
  assertEquals(shippableLines(order, { amount: 799, items: [] }), ALL);
  const none = shippableLines(order, { amount: 800, items: [] });
  assertEquals(none, []);
  const { errors }: AppError = assertThrows(() => linesToShip(order, none), AppError);
  assertEquals(errors.map(({ code }) => code), ["refund_under_way"]);
});

Deno.test("A line that is named twice is one demand", () => {
  const twice = [{ line: 2, quantity: 1 }, { line: 2, quantity: 1 }];
  assertEquals(linesToShip(ORDER, ALL, twice), [{ line: 2, quantity: 2 }]);
  const error: AppError = assertThrows(
    () => linesToShip(ORDER, ALL, [...twice, { line: 2, quantity: 1 }]),
    AppError,
  );
  assertEquals(error.errors.map(({ pointer, requested, unshipped }) => [pointer, requested, unshipped]), [
    ["/items/0/quantity", 3, 2],
    ["/items/1/quantity", 3, 2],
    ["/items/2/quantity", 3, 2],
  ]);
});

Deno.test("A refusal names every item that the order has not, or not so many of", () => {
  const wanted = [{ line: 1, quantity: 1 }, { line: 3, quantity: 1 }, { line: 2, quantity: 3 }];
  const error: AppError = assertThrows(() => linesToShip(ORDER, [ALL[1]!], wanted), AppError);
  assertEquals(error.code, "shipment_refused");
  assertEquals(error.errors, [
    {
      pointer: "/items/0/quantity",
      code: "more_than_unshipped",
      message: "0 units of line 1 are left to be shipped, and not being refunded.",
      line: 1,
      requested: 1,
      unshipped: 0,
    },
    {
      pointer: "/items/1/line",
      code: "unknown_line",
      message: "The order has no line 3; its lines are 1 to 2.",
      line: 3,
    },
    {
      pointer: "/items/2/quantity",
      code: "more_than_unshipped",
      message: "2 units of line 2 are left to be shipped, and not being refunded.",
      line: 2,
      requested: 3,
      unshipped: 2,
    },
  ]);
});

Deno.test("For all demands what leaves is exactly what was asked for, and never more than is left", () => {
  const items = fc.array(
    fc.record({ line: fc.integer({ min: 1, max: 2 }), quantity: fc.integer({ min: 1, max: 3 }) }),
    {
      minLength: 1,
    },
  );
  fc.assert(fc.property(items, fc.nat(1), fc.nat(2), (wanted, one, two) => {
    const left = [one, two].flatMap((quantity, i) => quantity > 0 ? [{ ...ALL[i]!, quantity }] : []);
    const asked = (line: number) =>
      wanted.filter((item) => item.line === line).reduce((sum, { quantity }) => sum + quantity, 0);
    if (asked(1) > one || asked(2) > two) {
      assertThrows(() => linesToShip(ORDER, left, wanted), AppError);
      return;
    }
    const leaving = linesToShip(ORDER, left, wanted);
    for (const line of [1, 2]) {
      assertEquals(leaving.find((item) => item.line === line)?.quantity ?? 0, asked(line));
    }
  }));
});

Deno.test("A shipment arrives once, at the time it is first said; its tracking may change before and after", () => {
  const arrived = changedShipment(NOW, SHIPMENT, { status: "delivered", tracking_number: "1Z" });
  assertEquals(arrived, {
    ...SHIPMENT,
    status: "delivered",
    delivered_at: NOW.toISOString(),
    tracking_number: "1Z",
  });
  const later = new Date(NOW.getTime() + 1);
  assertEquals(changedShipment(later, arrived, { status: "delivered", carrier: null }), {
    ...arrived,
    carrier: null,
  });
  assertEquals(changedShipment(later, arrived, {}), arrived);
});
