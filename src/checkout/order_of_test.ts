import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { consignments } from "../../tests/support/consignments.ts";
import { saleOf } from "../../tests/support/sale_of.ts";
import { ACCOUNTS, afterTransaction } from "../orders/ledger/entries.ts";
import { captureOf, type LedgerTransaction, type Order, refundOf } from "../orders/mod.ts";
import { withState } from "../orders/state.ts";
import { splitRefund } from "../payments/refunds/refund.ts";
import type { Actor } from "../platform/ctx.ts";
import { newId } from "../platform/id.ts";
import { landedCost } from "../trade/mod.ts";
import type { QuoteData } from "../quotes/mod.ts";
import { orderOf } from "./order_of.ts";

const NOW = new Date("2026-01-31T12:00:00.000Z");
const BUYER: Actor = { kind: "user", userId: newId(), role: "customer" };
const SHIP_TO = { name: "Ada", lines: ["1 High St"], city: "Leeds", country: "GB" };

/** The order of any consignment's quote. */
const orders = consignments.map(({ input, facts }) => {
  const cost = landedCost(input, facts);
  const quote: QuoteData = {
    ...cost,
    id: newId(),
    cart_id: newId(),
    cart_version: 1,
    user_id: newId(),
    ship_from: input.shipFrom,
    destination: input.destination,
    incoterm: input.incoterm,
    currency: input.currency,
    coupon_code: input.coupon?.code ?? null,
    created_at: NOW.toISOString(),
    expires_at: NOW.toISOString(),
  };
  return { cost, order: orderOf(quote, NOW, 1_800_000, BUYER, { ship_to: SHIP_TO }) };
});

const sumOf = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
const balance = (books: LedgerTransaction[], account: typeof ACCOUNTS[number]) =>
  sumOf(books.map(({ postings }) => postings[account] ?? 0));

Deno.test("For all quotes the order charges what the quote says, line by line, and owes its total", () => {
  fc.assert(
    fc.property(orders, ({ cost, order }) => {
      assertEquals(order.total_price, cost.total_price);
      assertEquals(order.amount_due, cost.total_price);
      assertEquals(
        [order.discount_total, order.subtotal, order.shipping_total, order.duty_total, order.tax_total],
        [cost.discount_total, cost.subtotal, cost.shipping_total, cost.duty_total, cost.tax_total],
      );
      cost.lines.forEach((line, i) => {
        const { discount_amount, line_total, shipping_amount, duty_amount, tax_amount } = order.items[i]!;
        assertEquals([discount_amount, line_total, shipping_amount, duty_amount, tax_amount], [
          line.discount_amount,
          line.line_total,
          line.shipping_amount,
          line.duty_amount,
          line.tax_amount,
        ]);
      });
      assertEquals(ACCOUNTS.map((account) => balance([saleOf(order)], account)).reduce((a, b) => a + b), 0);
    }),
    { numRuns: 2000 },
  );
});

/** Books one more transaction, as orders/write_orders.ts does. */
function book(order: Order, books: LedgerTransaction[], transaction: LedgerTransaction): Order {
  books.push(transaction);
  assertEquals(sumOf(Object.values(transaction.postings)), 0, "a transaction is balanced");
  const after = withState(afterTransaction(order, transaction));
  assert(after.amount_paid >= after.amount_refunded && after.amount_refunded >= 0);
  assertEquals(after.amount_due, balance(books, "receivable"));
  return after;
}

Deno.test("For all quotes, captured and refunded in any parts, no minor unit is lost and every account ends at zero", () => {
  fc.assert(
    fc.property(
      orders,
      fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 5 }),
      ({ order: placed }, captures, refunds) => {
        let order = placed;
        if (order.total_price === 0) return assertEquals(order.status, "PAID");
        const books = [saleOf(order)];
        for (const percent of [...captures, 100]) {
          const amount = Math.max(1, Math.floor(order.amount_due * percent / 100));
          if (order.amount_due === 0) break;
          order = book(order, books, captureOf(order, amount, {}));
          assertEquals(order.status, order.amount_due > 0 ? "PENDING" : "PAID");
          assertEquals(order.payment_status, order.amount_due > 0 ? "PARTIALLY_PAID" : "PAID");
        }
        assertEquals(order.amount_paid, order.total_price);

        for (const percent of [...refunds, 100]) {
          const money = order.amount_paid - order.amount_refunded;
          if (money === 0) break;
          const left = {
            goods: -balance(books, "revenue") - balance(books, "refunds"),
            shipping: -balance(books, "shipping"),
            duty: -balance(books, "duty"),
            tax: -balance(books, "tax"),
          };
          const amount = Math.max(1, Math.floor(money * percent / 100));
          const split = splitRefund({
            order,
            left,
            money,
            refunding: 0,
            disputed: 0,
            unsent: [],
            refunds: [],
          }, {
            amount,
          });
          assertEquals(split.amount, amount);
          order = book(order, books, refundOf(order, amount, split.parts, {}));
          assertEquals(
            order.payment_status,
            order.amount_refunded < order.amount_paid ? "PARTIALLY_REFUNDED" : "REFUNDED",
          );
        }
        assertEquals(order.status, "REFUNDED");
        for (const account of ACCOUNTS) {
          const other = account === "revenue" ? balance(books, "refunds") : 0;
          if (account !== "refunds") assertEquals(balance(books, account) + other, 0, account);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
