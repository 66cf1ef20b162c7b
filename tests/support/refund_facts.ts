/** Orders that were paid, and what is known of their refunds: for tests of what a refund gives back. */

import { assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Order, OrderItem, RefundParts } from "../../src/orders/mod.ts";
import {
  type AskRefund,
  type RefundFacts,
  type RefundSplit,
  splitRefund,
} from "../../src/payments/refunds/refund.ts";
import { AppError } from "../../src/platform/errors.ts";
import { exampleOrder } from "./example_order.ts";

export const PARTS = ["goods", "shipping", "duty", "tax"] as const;
export const sumOf = (parts: RefundParts) => PARTS.reduce((sum, part) => sum + parts[part], 0);
export type Ask = Pick<AskRefund, "amount" | "items" | "include_shipping">;

export const cents = fc.integer({ min: 0, max: 20_000 });

const line = fc.record({
  quantity: fc.integer({ min: 1, max: 7 }),
  price: cents,
  discount: fc.oneof(fc.constant(0), cents),
  shipping: cents,
  duty: cents,
  tax: cents,
  shippingTax: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
});
/** A line of which a discount has left so little that not every unit of it is worth anything. */
const cheapLine = fc.tuple(line, fc.integer({ min: 0, max: 3 })).map(([line, left]) => ({
  ...line,
  discount: Math.max(0, line.price * line.quantity - left),
  duty: Math.min(line.duty, left),
  tax: Math.min(line.tax, left),
}));
export const lines = fc.array(fc.oneof({ arbitrary: line, weight: 3 }, cheapLine), {
  minLength: 1,
  maxLength: 4,
});

/** An order of these lines that was paid in full, or so much more or less. */
export function paidOrder(of: typeof lines extends fc.Arbitrary<infer T> ? T : never, more = 0): Order {
  const items = of.map(({ quantity, price, discount, shipping, duty, tax, shippingTax }, i): OrderItem => ({
    ...exampleOrder().items[0]!,
    line: i + 1,
    quantity,
    unit_price: price,
    discount_amount: Math.min(discount, price * quantity),
    line_total: Math.max(0, price * quantity - discount),
    shipping_amount: shipping,
    duty_amount: duty,
    tax_amount: tax,
    shipping_tax_amount: shippingTax === null ? null : Math.floor(Math.min(tax, shipping) * shippingTax),
  }));
  const total = (amount: (item: OrderItem) => number) => items.reduce((sum, item) => sum + amount(item), 0);
  const parts = {
    subtotal: total((item) => item.line_total),
    shipping_total: total((item) => item.shipping_amount),
    duty_total: total((item) => item.duty_amount),
    tax_total: total((item) => item.tax_amount),
  };
  const total_price = parts.subtotal + parts.shipping_total + parts.duty_total + parts.tax_total;
  const amount_paid = Math.max(0, total_price + more);
  return exampleOrder({
    ...parts,
    items,
    total_price,
    amount_paid,
    amount_due: total_price - amount_paid,
    status: more < 0 ? "PENDING" : "PAID",
  });
}

/** A refund that has not failed, whenever it began. */
export const EVER = {
  status: "succeeded" as const,
  follows: null,
  began: 1,
  ended: 2,
};

/** What is known before the first refund. */
export function factsOf(order: Order): RefundFacts {
  const { subtotal: goods, shipping_total: shipping, duty_total: duty, tax_total: tax } = order;
  return {
    order,
    left: { goods, shipping, duty, tax },
    money: order.amount_paid,
    refunding: 0,
    disputed: 0,
    unsent: [],
    refunds: [],
  };
}

/** What is known after a refund more. */
export function after(facts: RefundFacts, { amount, parts, items }: RefundSplit): RefundFacts {
  return {
    order: { ...facts.order, amount_due: facts.order.amount_due + amount - sumOf(parts) },
    left: {
      goods: facts.left.goods - parts.goods,
      shipping: facts.left.shipping - parts.shipping,
      duty: facts.left.duty - parts.duty,
      tax: facts.left.tax - parts.tax,
    },
    money: facts.money - amount,
    refunding: facts.refunding,
    disputed: facts.disputed,
    unsent: facts.unsent,
    refunds: [...facts.refunds, {
      ...EVER,
      id: String(facts.refunds.length),
      items,
      shipping_amount: parts.shipping,
    }],
  };
}

export const asks: fc.Arbitrary<Ask> = fc.oneof(
  fc.record({ amount: fc.integer({ min: 1, max: 40_000 }) }),
  fc.record({
    items: fc.array(
      fc.record({ line: fc.integer({ min: 1, max: 5 }), quantity: fc.integer({ min: 1, max: 8 }) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    include_shipping: fc.boolean(),
  }),
  fc.constant({ include_shipping: true }),
);

export const refusalOf = (facts: RefundFacts, ask: Ask) =>
  assertThrows(() => splitRefund(facts, ask), AppError).errors[0]!;
