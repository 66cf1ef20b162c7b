import { assertEquals, assertThrows } from "@std/assert";
import { after, EVER, factsOf, paidOrder, refusalOf, sumOf } from "../../../tests/support/refund_facts.ts";
import type { Order } from "../../orders/mod.ts";
import { AppError } from "../../platform/errors.ts";
import { nextAttempt, owedPart, type Refund, type RefundFacts, splitRefund, takenParts } from "./refund.ts";

const LINE = {
  quantity: 3,
  price: 1499,
  discount: 0,
  shipping: 500,
  duty: 500,
  tax: 1099,
  shippingTax: null,
};

Deno.test("Units go back with their share of duty and tax, and of shipping where that is asked for", () => {
  const facts = factsOf(paidOrder([LINE]));
  // Tax on 5497, of which 500 are shipping: 99.96 → 100 of it; of the other 999 a third.
  const one = splitRefund(facts, { items: [{ line: 1, quantity: 1 }] });
  assertEquals(one.parts, { goods: 1499, shipping: 0, duty: 167, tax: 333 });
  const shipped = splitRefund(facts, { items: [{ line: 1, quantity: 1 }], include_shipping: true });
  assertEquals(shipped.parts, { goods: 1499, shipping: 167, duty: 167, tax: 333 + 33 });
  assertEquals(shipped.amount, 1499 + 167 + 167 + 366);
  const all = splitRefund(facts, {
    items: [{ line: 1, quantity: 1 }, { line: 1, quantity: 2 }],
    include_shipping: true,
  });
  assertEquals([all.amount, all.items], [facts.money, [{ line: 1, quantity: 3 }]]);
  // A law that does not tax shipping: none of the tax stays behind with it.
  const untaxed = factsOf(paidOrder([{ ...LINE, shippingTax: 0 }]));
  assertEquals(splitRefund(untaxed, { items: [{ line: 1, quantity: 3 }] }).parts.tax, 1099);
});

Deno.test("The shipping alone goes back as far as it is left, with the tax that the lines it is left of have on it", () => {
  const alone = (facts: RefundFacts) => splitRefund(facts, { include_shipping: true });
  const facts = factsOf(paidOrder([{ ...LINE, shippingTax: 0.2 }, { ...LINE, shippingTax: 0 }]));
  const whole = alone(facts);
  assertEquals(whole, { amount: 1100, parts: { goods: 0, shipping: 1000, duty: 0, tax: 100 }, items: [] });
  const taxed = after(
    facts,
    splitRefund(facts, { items: [{ line: 1, quantity: 2 }], include_shipping: true }),
  );
  assertEquals(alone(taxed).parts, { goods: 0, shipping: 167 + 500, duty: 0, tax: 33 });
  const bare = after(facts, splitRefund(facts, { items: [{ line: 1, quantity: 2 }] }));
  assertEquals(alone(bare), whole, "their shipping had stayed");
  // Half of it went back with amounts.
  assertEquals(alone({ ...facts, left: { ...facts.left, shipping: 500 } }).parts.tax, 50);
  // A share of what gave back the first line's failed: the other payment's had been the rest of it.
  const [first] = taxed.refunds;
  const failed = { ...taxed, left: { ...taxed.left, shipping: taxed.left.shipping + 100 } };
  assertEquals(alone(failed).parts, { goods: 0, shipping: 767, duty: 0, tax: 33 + 20 });
  const byShare = [{ ...first!, shipping_amount: 0 }, {
    ...first!,
    id: "share",
    follows: first!.id,
    items: [],
  }];
  assertEquals(alone({ ...taxed, refunds: byShare }), alone(taxed), "a share that follows gave it");

  const gone = after(facts, whole);
  assertEquals(
    [refusalOf(gone, { include_shipping: true })].map(({ pointer, refundable }) => [pointer, refundable]),
    [
      ["/include_shipping", 0],
    ],
  );
  const unit = { items: [{ line: 1, quantity: 1 }] };
  assertEquals(
    splitRefund(gone, { ...unit, include_shipping: true }),
    splitRefund(gone, unit),
    "once, with its tax",
  );
  assertEquals(refusalOf({ ...facts, money: 1099 }, { include_shipping: true }).refundable, 1099);
});

Deno.test("Units that cost nothing are given back for nothing while they are still to be sent, and no others are", () => {
  const gift = { quantity: 2, price: 0, discount: 0, shipping: 40, duty: 0, tax: 8, shippingTax: 1 };
  const sent = factsOf(paidOrder([LINE, gift]));
  const facts = { ...sent, unsent: [{ line: 1, quantity: 3 }, { line: 2, quantity: 1 }] };
  const items = [{ line: 2, quantity: 1 }];
  const nothing = { goods: 0, shipping: 0, duty: 0, tax: 0 };
  assertEquals(splitRefund(facts, { items }), { amount: 0, parts: nothing, items });
  assertEquals(splitRefund({ ...facts, money: 0 }, { items }).amount, 0);
  assertEquals(splitRefund(facts, { items, include_shipping: true }).amount, 20 + 4);
  assertEquals(refusalOf(sent, { items }).refundable, 0);
  assertEquals(refusalOf(facts, { items: [...items, ...items] }).refundable, 0);
  // What was refunded by amounts already is not free.
  const paid = { ...facts, left: nothing };
  assertEquals(refusalOf(paid, { items: [{ line: 1, quantity: 1 }] }).refundable, 0);
  assertEquals(refusalOf({ ...facts, money: 0 }, { items: [{ line: 1, quantity: 1 }] }).code, "nothing_paid");
});

Deno.test("A refusal names each line that is at fault, and how much of it is left", () => {
  const facts = {
    ...factsOf(paidOrder([LINE, LINE])),
    refunds: [{ ...EVER, id: "before", items: [{ line: 2, quantity: 2 }], shipping_amount: 0 }],
  };
  const error = assertThrows(() =>
    splitRefund(facts, {
      items: [{ line: 1, quantity: 3 }, { line: 2, quantity: 2 }, { line: 9, quantity: 1 }],
    }), AppError);
  assertEquals(
    (error as AppError).errors.map(({ pointer, code, refundable }) => [pointer, code, refundable]),
    [
      ["/items/1/quantity", "too_many", 1],
      ["/items/2/line", "unknown_line", undefined],
    ],
  );
});

Deno.test("What is owed to the customer anyway goes back first, and is taken off nothing", () => {
  const facts = factsOf(paidOrder([LINE], 250));
  assertEquals(splitRefund(facts, { amount: 200 }).parts, { goods: 0, shipping: 0, duty: 0, tax: 0 });
  assertEquals(sumOf(splitRefund(facts, { amount: 300 }).parts), 50);
  assertEquals(splitRefund(facts, {}).amount, facts.money);
});

Deno.test("Of an order that was cancelled everything that is left of the money is owed", () => {
  const order = paidOrder([LINE]);
  const cancelled: Order = { ...order, status: "CANCELLED", amount_due: -order.amount_paid };
  const facts = { ...factsOf(cancelled), left: { goods: 0, shipping: 0, duty: 0, tax: 0 } };
  assertEquals(splitRefund(facts, {}).amount, order.amount_paid);
  assertEquals(refusalOf(facts, { items: [{ line: 1, quantity: 1 }] }).refundable, 0);
  const refund = {
    amount: 100,
    goods_amount: 60,
    shipping_amount: 0,
    duty_amount: 20,
    tax_amount: 20,
  } as Refund;
  assertEquals([sumOf(takenParts(order, refund)), owedPart(order, refund)], [100, 0]);
  assertEquals([sumOf(takenParts(cancelled, refund)), owedPart(cancelled, refund)], [0, 100]);
});

Deno.test("A refund that was not answered is tried again later each time, and at least every six hours", () => {
  const now = new Date("2026-11-20T12:00:00Z");
  const waits = [0, 1, 2, 9, 10, 50].map((n) => (Date.parse(nextAttempt(now, n)) - now.getTime()) / 1000);
  assertEquals(waits, [30, 60, 120, 15_360, 21_600, 21_600]);
});
