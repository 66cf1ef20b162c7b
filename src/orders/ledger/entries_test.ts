import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../../tests/support/example_order.ts";
import { saleOf } from "../../../tests/support/sale_of.ts";
import type { Order } from "../order.ts";
import { balancesOf, entriesOf, totalOf } from "./double_entry.ts";
import {
  type Account,
  ACCOUNTS,
  afterTransaction,
  cancellationOf,
  captureOf,
  type LedgerTransaction,
  refundOf,
  type RefundParts,
} from "./entries.ts";

const amount = fc.integer({ min: 0, max: 1_000_000_000 });

const PARTS = ["goods", "shipping", "duty", "tax"] as const;

/** An order of any total, by its parts. */
const orders = fc.record({
  subtotal: amount,
  shipping_total: amount,
  duty_total: amount,
  tax_total: amount,
}).map((parts): Order => {
  const total_price = parts.subtotal + parts.shipping_total + parts.duty_total + parts.tax_total;
  return exampleOrder({ ...parts, total_price, amount_due: total_price });
});

const sumOf = ({ postings }: LedgerTransaction) =>
  Object.values(postings).reduce((sum, each) => sum + each, 0);

const rowOf = ({ postings }: LedgerTransaction) =>
  Object.fromEntries(ACCOUNTS.map((account) => [account, postings[account] ?? 0])) as Record<Account, number>;

Deno.test("What is captured of a sale, what is refunded and its cancellation post to these accounts", () => {
  const order = exampleOrder();
  const of = { order_id: order.id, currency: "EUR" };
  assertEquals(cancellationOf(order, { goods: 900, shipping: 50, duty: 18, tax: 27 }, "Ordered twice"), {
    ...of,
    kind: "cancellation",
    reason: "Ordered twice",
    postings: { receivable: -995, revenue: 900, shipping: 50, duty: 18, tax: 27 },
  });
  assertEquals(captureOf(order, 700, { payment_id: "p" }), {
    ...of,
    kind: "capture",
    payment_id: "p",
    postings: { cash_at_provider: 700, receivable: -700 },
  });
  assertEquals(refundOf(order, 120, { goods: 100, shipping: 0, duty: 2, tax: 3 }, { refund_id: "r" }), {
    ...of,
    kind: "refund",
    refund_id: "r",
    // 105 are taken off the sale; the other 15 had been owed to the customer.
    postings: { cash_at_provider: -120, receivable: 15, refunds: 100, shipping: 0, duty: 2, tax: 3 },
  });
});

Deno.test("For all orders every transaction sums to zero, and has the same sum of debits and of credits", () => {
  const parts = fc.record({ goods: amount, shipping: amount, duty: amount, tax: amount });
  fc.assert(fc.property(orders, amount, parts, (order, amount, parts) => {
    const transactions = [
      cancellationOf(order, parts),
      captureOf(order, amount, {}),
      refundOf(order, amount, parts, {}),
    ];
    for (const transaction of transactions) {
      assertEquals(sumOf(transaction) + 0, 0, transaction.kind);
      const entries = entriesOf(rowOf(transaction));
      const { debit, credit } = totalOf(entries);
      assertEquals(debit, credit, transaction.kind);
      for (const entry of entries) assertEquals(Math.min(entry.debit, entry.credit), 0);
    }
  }));
});

Deno.test("For all lives of an order its amounts are those of its ledger, and its end leaves of each part of the sale nothing", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("capture" as const), amount: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({
      kind: fc.constant("refund" as const),
      share: fc.nat(100),
      taken: fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.nat(100)),
    }),
  );
  const steps = fc.array(step, { maxLength: 10 });
  fc.assert(fc.property(orders, steps, fc.boolean(), steps, (placed, before, cancel, after) => {
    let order = placed;
    const ledger = [saleOf(order)];
    const balance = (account: Account, of = ledger) =>
      balancesOf(of.flatMap((each) => entriesOf(rowOf(each)))).find((each) => each.account === account)
        ?.balance ?? 0;
    const left = (): RefundParts => ({
      goods: 0 - balance("revenue") - balance("refunds"),
      shipping: 0 - balance("shipping"),
      duty: 0 - balance("duty"),
      tax: 0 - balance("tax"),
    });
    const book = (transaction: LedgerTransaction) => {
      ledger.push(transaction);
      order = afterTransaction(order, transaction);
    };
    const go = (step: typeof before[number]) => {
      if (step.kind === "capture") return book(captureOf(order, step.amount, {}));
      const refund = Math.floor((order.amount_paid - order.amount_refunded) * step.share / 100);
      if (refund === 0) return;
      // Shares of what is left of each part, as long as the money for them is there.
      const parts = left();
      let money = refund;
      PARTS.forEach((part, i) => {
        parts[part] = Math.min(money, Math.floor(parts[part] * step.taken[i]! / 100));
        money -= parts[part];
      });
      book(refundOf(order, refund, parts, {}));
    };
    before.forEach(go);
    if (cancel) book(cancellationOf(order, left()));
    after.forEach(go);

    assertEquals(order.amount_due, balance("receivable"));
    assertEquals(
      order.amount_paid,
      balance("cash_at_provider", ledger.filter(({ kind }) => kind === "capture")),
    );
    assertEquals(
      order.amount_refunded,
      0 - balance("cash_at_provider", ledger.filter(({ kind }) => kind === "refund")),
    );
    for (const field of ["amount_paid", "amount_refunded", "total_price"] as const) {
      assertEquals(order[field] >= 0, true, field);
    }
    const held = order.amount_paid - order.amount_refunded;
    assertEquals(held, balance("cash_at_provider"), "what is held for the shop");
    if (!cancel) return;
    assertEquals(left(), { goods: 0, shipping: 0, duty: 0, tax: 0 });
    assertEquals(order.amount_due, 0 - held, "all that is held is owed to the customer");
  }));
});
