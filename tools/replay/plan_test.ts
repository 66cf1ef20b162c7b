import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { classifyRow, readOnlineRetail } from "./online_retail.ts";
import { makePlan, type Plan } from "./plan.ts";
import { cells, tradeRows } from "./testing.ts";

function sum<T>(values: T[], number: (value: T) => number): number {
  return values.reduce((total, value) => total + number(value), 0);
}

/** What must hold of every plan, whatever the file. */
function assertAccounted(plan: Plan, rows: number): void {
  const { orders, cancellations, setAside, tableByCountry, products, customers } = plan;
  const orderLines = orders.flatMap((order) => order.lines);
  const cancelledLines = cancellations.flatMap((one) => one.creditNotes).flatMap((note) => note.lines);

  assertEquals(orderLines.length + cancelledLines.length + sum(setAside, (one) => one.rows), rows);
  assertEquals(plan.rows, {
    orderLines: orderLines.length,
    cancellationLines: cancelledLines.length,
    setAside: sum(setAside, (one) => one.rows),
    total: rows,
  });

  for (const totals of tableByCountry) {
    const ofCountry = orders.filter((order) => order.country === totals.country);
    const lines = ofCountry.flatMap((order) => order.lines);
    const cancelled = cancellations.filter((one) => one.country === totals.country);
    assertEquals(totals, {
      country: totals.country,
      invoices: new Set(ofCountry.map((order) => order.invoiceNo)).size,
      lines: lines.length,
      units: sum(lines, (line) => line.units),
      amount: sum(lines, (line) => line.units * line.unitPrice),
      ordersCancelled: cancelled.filter((one) => one.extent === "whole").length,
      ordersPartlyCancelled: cancelled.filter((one) => one.extent === "partial").length,
      cancelledUnits: sum(cancelled, (one) => one.units),
      cancelledAmount: sum(cancelled, (one) => one.amount),
    });
  }
  assertEquals(sum(tableByCountry, (totals) => totals.lines), orderLines.length);

  const ordersByKey = new Map(orders.map((order) => [order.key, order]));
  assertEquals(ordersByKey.size, orders.length);
  for (const { orderKey, extent, units, amount } of cancellations) {
    const { lines } = ordersByKey.get(orderKey)!;
    const left = sum(lines, (line) => line.units * line.unitPrice) - amount;
    assert(extent === "whole" ? left === 0 : left > 0 && units < sum(lines, (line) => line.units));
  }

  assertEquals(
    Object.fromEntries(products.map((product) => [product.sku, product.openingStock])),
    Object.fromEntries([...Map.groupBy(orderLines, (line) => line.sku)]
      .map(([sku, lines]) => [sku, sum(lines, (line) => line.units)])),
  );
  assertEquals(new Set(customers.map(({ email }) => email)), new Set(orders.map(({ email }) => email)));
}

Deno.test("the excerpt is planned with the sums that another program counted in it", async () => {
  const rows = await Array.fromAsync(readOnlineRetail("tests/fixtures/online-retail-excerpt.csv"));
  const plan = makePlan(rows);
  assertAccounted(plan, rows.length);
  assertEquals(plan.rows, { orderLines: 1779, cancellationLines: 28, setAside: 155, total: 1962 });
  assertEquals(plan.creditNotes, { matched: 10, partlyMatched: 4, unmatched: 9, noSale: 6 });
  assertEquals(Object.fromEntries(plan.setAside.map(({ reason, rows }) => [reason, rows])), {
    "no_sale:zero_price": 63,
    "cancellation:not_bought": 48,
    "cancellation:guest": 20,
    "no_sale:manual": 6,
    "no_sale:stock_correction": 6,
    "cancellation:more_than_bought": 4,
    "no_sale:discount": 2,
    "no_sale:bank_charges": 2,
    "no_sale:samples": 2,
    "no_sale:marketplace_fee": 2,
  });
  assertEquals(
    plan.cancellations.filter((one) => one.extent === "whole").map((one) => one.orderKey),
    ["537217", "537410"],
  );
  assertEquals(plan.tableByCountry.length, 18);
  assertEquals(sum(plan.tableByCountry, (totals) => totals.amount), 4_776_048);
  assertEquals(plan.tableByCountry.filter(({ country }) => country === "GB" || country === "JE"), [
    {
      country: "GB",
      invoices: 39,
      lines: 1264,
      units: 8737,
      amount: 2_886_334,
      ordersCancelled: 2,
      ordersPartlyCancelled: 14,
      cancelledUnits: 179,
      cancelledAmount: 64_120,
    },
    {
      country: "JE",
      invoices: 1,
      lines: 17,
      units: 80,
      amount: 36_353,
      ordersCancelled: 0,
      ordersPartlyCancelled: 0,
      cancelledUnits: 0,
      cancelledAmount: 0,
    },
  ]);
});

Deno.test("every row of any file is counted exactly once, and the table is that of the orders", () => {
  const row = fc.record({
    invoiceNo: fc.constantFrom("536401", "536402", "536403", "C536501", "C536502", "", "A1"),
    stockCode: fc.constantFrom("85123A", "85123a", "22423", "POST", "M", "?"),
    quantity: fc.constantFrom("1", "2", "6", "-1", "-2", "-6", "0", "x"),
    date: fc.constantFrom("01/12/2010 08:26", "01/07/2011 08:26", "soon"),
    price: fc.constantFrom("2.55", "0.1", "0", "-1", "0.001"),
    customer: fc.constantFrom("17850", "12345", ""),
    country: fc.constantFrom("United Kingdom", "EIRE", "Unspecified"),
  }).map(cells);
  const plausible = fc.record({
    invoiceNo: fc.constantFrom("536401", "536402", "C536501", "C536502"),
    quantity: fc.constantFrom("1", "2", "6"),
    stockCode: fc.constantFrom("85123A", "22423"),
  }).map((given) =>
    cells({ ...given, quantity: given.invoiceNo.startsWith("C") ? `-${given.quantity}` : given.quantity })
  );
  fc.assert(fc.property(fc.array(fc.oneof(row, plausible), { maxLength: 40 }), (file) => {
    assertAccounted(makePlan(file.map((cells, i) => classifyRow(cells, i + 2))), file.length);
  }));
});

Deno.test("an invoice becomes one order, its lines in the order of the file, repeated codes and all", () => {
  const plan = makePlan(tradeRows(
    { stockCode: "85123A", quantity: "6", date: "01/12/2010 16:57" },
    { stockCode: "22423", quantity: "1", price: "12.75", date: "01/12/2010 16:58" },
    { stockCode: "85123a", quantity: "2", price: "2.95", date: "01/12/2010 16:58" },
  ));
  assertEquals(plan.orders, [{
    key: "536365",
    invoiceNo: "536365",
    email: "customer-17850@online-retail.example",
    customerId: "17850",
    country: "GB",
    placedAt: "2010-12-01T16:57:00Z",
    lines: [
      { sku: "85123A", units: 6, unitPrice: 255 },
      { sku: "22423", units: 1, unitPrice: 1275 },
      { sku: "85123A", units: 2, unitPrice: 295 },
    ],
  }]);
});

Deno.test("a customer has one account, a guest one for each invoice", () => {
  const plan = makePlan(tradeRows(
    { invoiceNo: "536401" },
    { invoiceNo: "536402" },
    { invoiceNo: "536403", customer: "" },
    { invoiceNo: "536404", customer: "" },
  ));
  assertEquals(plan.customers, [
    { email: "customer-17850@online-retail.example", name: "Customer 17850" },
    { email: "guest-536403@online-retail.example", name: "Guest of invoice 536403" },
    { email: "guest-536404@online-retail.example", name: "Guest of invoice 536404" },
  ]);
});

Deno.test("an invoice of more than 1,000 lines becomes several orders of one invoice", () => {
  const plan = makePlan(tradeRows(...Array.from({ length: 2001 }, () => ({ customer: "" }))));
  assertAccounted(plan, 2001);
  assertEquals(plan.orders.map(({ key, email, lines }) => [key, email, lines.length]), [
    ["536365", "guest-536365@online-retail.example", 1000],
    ["536365-2", "guest-536365@online-retail.example", 1000],
    ["536365-3", "guest-536365@online-retail.example", 1],
  ]);
  assertEquals(plan.tableByCountry[0]!.invoices, 1);
});

Deno.test("a line that names another customer or country than its invoice's first is set aside", () => {
  const plan = makePlan(tradeRows({}, { customer: "12345" }, { customer: "" }, { country: "EIRE" }, {}));
  assertEquals(plan.orders.map((order) => order.lines.length), [2]);
  assertEquals(plan.setAside, [
    { reason: "invoice:other_customer", rows: 2, amount: 3060, firstRows: [3, 4] },
    { reason: "invoice:other_country", rows: 1, amount: 1530, firstRows: [5] },
  ]);
});

Deno.test("a product has the name and the price it is most often sold under, and stock for every sale", () => {
  const plan = makePlan(tradeRows(
    { description: "HAND WARMER RED POLKA DOT", price: "2.1" },
    { description: "HAND WARMER RED RETROSPOT", price: "1.85" },
    { description: "HAND WARMER RED RETROSPOT", price: "2.1" },
    { description: "damages", price: "4.21" },
    { description: "damages", price: "4.21" },
    { description: "damages", price: "2.1" },
    { description: "", stockCode: "22423" },
  ));
  assertEquals(plan.products, [
    { sku: "85123A", name: "HAND WARMER RED RETROSPOT", category: "goods", price: 210, openingStock: 36 },
    { sku: "22423", name: "22423", category: "goods", price: 255, openingStock: 6 },
  ]);
});
