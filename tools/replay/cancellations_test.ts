import { assertEquals } from "@std/assert";
import { cancellationMetadata, type PlannedCancellation } from "./cancellations.ts";
import { makePlan } from "./plan.ts";
import { type Given, tradeRows } from "./testing.ts";

const ORDERED_AT = "01/12/2010 08:26";
const CANCELLED_AT = "02/12/2010 12:00";

function sale(given: Given): Given {
  return { date: ORDERED_AT, ...given };
}

function cancel(given: Given): Given {
  return { invoiceNo: "C536999", date: CANCELLED_AT, ...given };
}

/** Each cancellation as "order extent units", and each reason that cancellations were set aside for. */
function outcome(...given: Given[]): { cancelled: string[]; aside: string[] } {
  const plan = makePlan(tradeRows(...given));
  return {
    cancelled: plan.cancellations.map((one) => `${one.orderKey} ${one.extent} ${one.units}`),
    aside: plan.setAside.map(({ reason, rows }) => `${reason} ${rows}`),
  };
}

Deno.test("an order whose every unit is taken back is cancelled whole, however the lines are split", () => {
  assertEquals(
    outcome(
      sale({ invoiceNo: "536401", quantity: "6" }),
      sale({ invoiceNo: "536401", quantity: "4" }),
      sale({ invoiceNo: "536401", quantity: "3", stockCode: "POST", price: "18" }),
      cancel({ quantity: "-10" }),
      cancel({ quantity: "-1", stockCode: "POST", price: "18" }),
      cancel({ quantity: "-2", stockCode: "POST", price: "18" }),
    ),
    { cancelled: ["536401 whole 13"], aside: [] },
  );
});

Deno.test("an order that keeps a unit is cancelled in part", () => {
  assertEquals(outcome(sale({ invoiceNo: "536401", quantity: "6" }), cancel({ quantity: "-5" })), {
    cancelled: ["536401 partial 5"],
    aside: [],
  });
});

Deno.test("credit notes add up until the order is cancelled whole, and no further", () => {
  assertEquals(
    outcome(
      sale({ invoiceNo: "536401", quantity: "6" }),
      cancel({ invoiceNo: "C536501", quantity: "-2" }),
      cancel({ invoiceNo: "C536502", quantity: "-4" }),
      cancel({ invoiceNo: "C536503", quantity: "-1" }),
    ),
    { cancelled: ["536401 whole 6"], aside: ["cancellation:more_than_bought 1"] },
  );
});

Deno.test("one note may reach over several orders, the one that explains most of it first, then the latest", () => {
  const both = { stockCode: "22423", price: "12.75" };
  assertEquals(
    outcome(
      sale({ invoiceNo: "536401" }),
      sale({ invoiceNo: "536401", ...both }),
      sale({ invoiceNo: "536402" }),
      sale({ invoiceNo: "536403", stockCode: "22960" }),
      sale({ invoiceNo: "536404", stockCode: "22960" }),
      cancel({ quantity: "-1" }),
      cancel({ quantity: "-1", ...both }),
      cancel({ quantity: "-1", stockCode: "22960" }),
    ).cancelled,
    ["536401 partial 2", "536404 partial 1"],
  );
});

Deno.test("a cancellation matches only its own customer, country, price and past", () => {
  const cases: [string, Given, Given][] = [
    ["cancellation:not_bought", sale({ customer: "12345" }), cancel({ quantity: "-1" })],
    ["cancellation:not_bought", sale({ country: "EIRE" }), cancel({ quantity: "-1" })],
    ["cancellation:not_bought", sale({ stockCode: "22423" }), cancel({ quantity: "-1" })],
    ["cancellation:not_bought", sale({ date: "03/12/2010 08:26" }), cancel({ quantity: "-1" })],
    ["cancellation:other_price", sale({ price: "2.95" }), cancel({ quantity: "-1" })],
    ["cancellation:more_than_bought", sale({ quantity: "6" }), cancel({ quantity: "-7" })],
    ["cancellation:guest", sale({ customer: "" }), cancel({ quantity: "-1", customer: "" })],
  ];
  for (const [reason, sold, cancelled] of cases) {
    assertEquals(outcome(sold, cancelled), { cancelled: [], aside: [`${reason} 1`] });
  }
});

Deno.test("two lines of one note do not take the same units", () => {
  assertEquals(
    outcome(
      sale({ invoiceNo: "536401", quantity: "6" }),
      cancel({ quantity: "-4" }),
      cancel({ quantity: "-4" }),
    ),
    { cancelled: ["536401 partial 4"], aside: ["cancellation:more_than_bought 1"] },
  );
});

Deno.test("units are not taken from two orders for one line", () => {
  assertEquals(
    outcome(
      sale({ invoiceNo: "536401", quantity: "6" }),
      sale({ invoiceNo: "536402", quantity: "6" }),
      cancel({ quantity: "-12" }),
    ),
    { cancelled: [], aside: ["cancellation:more_than_bought 1"] },
  );
});

Deno.test("a partial cancellation is told to the order's metadata with its sums and lines", () => {
  const plan = makePlan(tradeRows(
    sale({ invoiceNo: "536401", quantity: "6" }),
    cancel({ invoiceNo: "C536501", quantity: "-2" }),
    cancel({ invoiceNo: "C536501", quantity: "-1" }),
    cancel({ invoiceNo: "C536502", quantity: "-1" }),
  ));
  assertEquals(cancellationMetadata(plan.cancellations[0]!), {
    cancelled_units: "4",
    cancelled_amount: "1020",
    credit_note_C536501: "2010-12-02T12:00:00Z 85123A*2@255 85123A*1@255",
    credit_note_C536502: "2010-12-02T12:00:00Z 85123A*1@255",
  });
});

Deno.test("a credit note too long for one metadata text goes on in the next, and loses no line", () => {
  const lines = Array.from({ length: 100 }, (_, i) => ({ sku: `${10_000 + i}`, units: 12, unitPrice: 255 }));
  const cancellation: PlannedCancellation = {
    orderKey: "536401",
    country: "GB",
    extent: "partial",
    units: 1200,
    amount: 306_000,
    creditNotes: [{ number: "C536501", at: "2010-12-02T12:00:00Z", lines }],
  };
  const { cancelled_units: _units, cancelled_amount: _amount, ...notes } = cancellationMetadata(cancellation);
  assertEquals(Object.keys(notes), ["credit_note_C536501", "credit_note_C536501_2", "credit_note_C536501_3"]);
  assertEquals(Object.values(notes).every((text) => text.length <= 500), true);
  assertEquals(
    Object.values(notes).join(" "),
    `2010-12-02T12:00:00Z ${lines.map(({ sku }) => `${sku}*12@255`).join(" ")}`,
  );
});
