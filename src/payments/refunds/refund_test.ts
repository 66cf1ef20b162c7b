import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../../tests/support/example_order.ts";
import type { Order, OrderItem, RefundParts } from "../../orders/mod.ts";
import { AppError } from "../../platform/errors.ts";
import {
  type AskRefund,
  nextAttempt,
  owedPart,
  type Refund,
  type RefundFacts,
  type RefundSplit,
  shareOut,
  splitRefund,
  takenParts,
} from "./refund.ts";

const PARTS = ["goods", "shipping", "duty", "tax"] as const;
const sumOf = (parts: RefundParts) => PARTS.reduce((sum, part) => sum + parts[part], 0);
type Ask = Pick<AskRefund, "amount" | "items" | "include_shipping">;

const cents = fc.integer({ min: 0, max: 20_000 });
const lines = fc.array(
  fc.record({
    quantity: fc.integer({ min: 1, max: 7 }),
    price: cents,
    shipping: cents,
    duty: cents,
    tax: cents,
    shippingTax: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  }),
  { minLength: 1, maxLength: 4 },
);

/** An order of these lines that was paid in full, or so much more or less. */
function paidOrder(of: typeof lines extends fc.Arbitrary<infer T> ? T : never, more = 0): Order {
  const items = of.map(({ quantity, price, shipping, duty, tax, shippingTax }, i): OrderItem => ({
    ...exampleOrder().items[0]!,
    line: i + 1,
    quantity,
    unit_price: price,
    line_total: price * quantity,
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
const EVER = {
  status: "succeeded" as const,
  follows: null,
  began: 1,
  ended: 2,
};

/** What is known before the first refund. */
function factsOf(order: Order): RefundFacts {
  const { subtotal: goods, shipping_total: shipping, duty_total: duty, tax_total: tax } = order;
  return {
    order,
    left: { goods, shipping, duty, tax },
    money: order.amount_paid,
    refunding: 0,
    unsent: [],
    refunds: [],
  };
}

/** What is known after a refund more. */
function after(facts: RefundFacts, { amount, parts, items }: RefundSplit): RefundFacts {
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
    unsent: facts.unsent,
    refunds: [...facts.refunds, {
      ...EVER,
      id: String(facts.refunds.length),
      items,
      shipping_amount: parts.shipping,
    }],
  };
}

const asks: fc.Arbitrary<Ask> = fc.oneof(
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

const refusalOf = (facts: RefundFacts, ask: Ask) =>
  assertThrows(() => splitRefund(facts, ask), AppError).errors[0]!;

/** Units that are worth nothing are not refunded, and no others are refused. */
function assertWorthless(error: unknown): void {
  assert(error instanceof AppError, String(error));
  const { errors } = error as AppError;
  assertEquals(errors.map(({ code, refundable }) => [code, refundable]), [["more_than_refundable", 0]]);
}

Deno.test("For all orders and refunds of them: a refund is the sum of its parts, and never more than is left", () => {
  let refunds = 0;
  fc.assert(
    fc.property(
      lines,
      fc.integer({ min: -20_000, max: 500 }),
      fc.array(asks, { maxLength: 8 }),
      (of, more, wanted) => {
        let facts = factsOf(paidOrder(of, more));
        const unpaid = Math.max(0, facts.order.amount_due);
        for (const ask of wanted) {
          let split: RefundSplit;
          try {
            split = splitRefund(facts, ask);
          } catch (error) {
            assert(error instanceof AppError && error.code === "refund_refused", String(error));
            const { pointer, refundable } = (error as AppError).errors[0]!;
            // What a refusal says is possible is possible.
            if (pointer === "/amount") {
              assertEquals(splitRefund(facts, { amount: Number(refundable) }).amount, refundable);
            }
            continue;
          }
          refunds++;
          if (ask.amount !== undefined) assertEquals(split.amount, ask.amount);
          for (const part of PARTS) {
            assert(split.parts[part] >= 0 && split.parts[part] <= facts.left[part], part);
          }
          const owed = split.amount - sumOf(split.parts);
          assert(
            owed >= 0 && owed <= Math.max(0, -facts.order.amount_due),
            "only what is owed is on no part",
          );
          assert(split.amount > 0 && split.amount <= facts.money);
          facts = after(facts, split);
        }
        if (facts.money === 0) return void refusalOf(facts, {});
        const rest = splitRefund(facts, {});
        facts = after(facts, rest);
        assertEquals([facts.money, facts.order.amount_due + 0], [0, unpaid]);
        assertEquals(sumOf(facts.left), unpaid, "no minor unit is lost");
      },
    ),
    { numRuns: 4000 },
  );
  assert(refunds > 4000);
});

Deno.test("For all lines: the units of a line, refunded in whatever parts, give back exactly the line", () => {
  const portions = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 7, maxLength: 7 });
  fc.assert(
    fc.property(lines, portions, fc.boolean(), (of, sizes, withShipping) => {
      const order = paidOrder(of);
      for (const item of order.items) {
        let facts = factsOf(order);
        const sum = { goods: 0, shipping: 0, duty: 0, tax: 0 };
        for (let left = item.quantity, i = 0; left > 0; i++) {
          const quantity = Math.min(left, sizes[i]!);
          left -= quantity;
          const ask = { items: [{ line: item.line, quantity }], include_shipping: withShipping };
          let split: RefundSplit;
          try {
            split = splitRefund(facts, ask);
          } catch (error) {
            assertWorthless(error);
            // They were asked for all the same.
            split = { amount: 0, parts: { goods: 0, shipping: 0, duty: 0, tax: 0 }, items: ask.items };
          }
          for (const part of PARTS) sum[part] += split.parts[part];
          facts = after(facts, split);
        }
        assertEquals([sum.goods, sum.duty], [item.line_total, item.duty_amount]);
        if (withShipping) assertEquals([sum.shipping, sum.tax], [item.shipping_amount, item.tax_amount]);
        else assertEquals([sum.shipping, sum.tax <= item.tax_amount], [0, true]);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("For all lines: its units give back exactly the line, whichever refunds of them failed, and when", () => {
  type Began = RefundFacts["refunds"][number] & { parts: RefundParts };
  const steps = fc.array(
    fc.oneof(
      fc.record({ begin: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ end: fc.nat(7), status: fc.constantFrom("succeeded" as const, "failed" as const) }),
    ),
    { minLength: 4, maxLength: 16 },
  );
  let failed = 0;
  fc.assert(
    fc.property(lines, steps, (of, taken) => {
      const order = paidOrder(of);
      for (const item of order.items) {
        const facts = factsOf(order);
        let refunds: Began[] = [];
        let position = 0;
        const given = () => refunds.filter(({ status }) => status !== "failed");
        const begin = (wanted: number) => {
          const left = given().reduce((sum, { items }) => sum - items[0]!.quantity, item.quantity);
          const quantity = Math.min(wanted, left);
          if (quantity === 0) return;
          const ask = { items: [{ line: item.line, quantity }], include_shipping: true };
          try {
            const { parts, items } = splitRefund({ ...facts, refunds }, ask);
            const began = ++position;
            refunds = [...refunds, {
              id: String(began),
              follows: null,
              status: "pending",
              items,
              parts,
              shipping_amount: parts.shipping,
              began,
              ended: null,
            }];
          } catch (error) {
            assertWorthless(error);
          }
        };
        for (const step of taken) {
          if ("begin" in step) begin(step.begin);
          else {
            const pending = refunds.filter(({ status }) => status === "pending");
            const ended = pending[step.end % pending.length];
            const at = ++position;
            refunds = refunds.map((each) =>
              each === ended ? { ...each, status: step.status, ended: at } : each
            );
            if (ended && step.status === "failed") failed++;
          }
        }
        begin(item.quantity);
        if (given().reduce((sum, { items }) => sum + items[0]!.quantity, 0) < item.quantity) continue;
        const sum = (part: keyof RefundParts) => given().reduce((sum, { parts }) => sum + parts[part], 0);
        assertEquals(PARTS.map(sum), [
          item.line_total,
          item.shipping_amount,
          item.duty_amount,
          item.tax_amount,
        ]);
      }
    }),
    { numRuns: 2000 },
  );
  assert(failed > 2000);
});

const LINE = { quantity: 3, price: 1499, shipping: 500, duty: 500, tax: 1099, shippingTax: null };

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

Deno.test("For all lines: the shipping goes back once, with units or alone, and all units and the shipping give back exactly the lines", () => {
  const steps = fc.array(
    fc.record({ line: fc.nat(3), quantity: fc.integer({ min: 1, max: 3 }), include_shipping: fc.boolean() }),
    { maxLength: 8 },
  );
  let alone = 0;
  fc.assert(
    fc.property(lines, steps, steps, (of, before, since) => {
      const order = paidOrder(of);
      let facts = factsOf(order);
      const refund = (ask: Ask): RefundParts | undefined => {
        try {
          const split = splitRefund(facts, ask);
          facts = after(facts, split);
          return split.parts;
        } catch (error) {
          assert(error instanceof AppError && error.code === "refund_refused", String(error));
        }
      };
      const refundUnits = (asked: typeof before) => {
        for (const { line, quantity, include_shipping } of asked) {
          refund({ items: [{ line: line % of.length + 1, quantity }], include_shipping });
        }
      };
      refundUnits(before);
      const { shipping } = facts.left;
      const parts = refund({ include_shipping: true });
      assertEquals(parts === undefined, shipping === 0);
      if (parts) {
        alone++;
        assertEquals([parts.goods, parts.duty, parts.shipping], [0, 0, shipping]);
      }
      assertEquals(refund({ include_shipping: true }), undefined, "once");
      refundUnits(since);
      for (const { line, quantity } of order.items) {
        const taken = facts.refunds.flatMap(({ items }) => items).filter((each) => each.line === line);
        const rest = taken.reduce((left, each) => left - each.quantity, quantity);
        if (rest > 0) refund({ items: [{ line, quantity: rest }], include_shipping: true });
      }
      if (parts) assertEquals([facts.left, facts.money], [{ goods: 0, shipping: 0, duty: 0, tax: 0 }, 0]);
    }),
    { numRuns: 3000 },
  );
  assert(alone > 1000);
});

Deno.test("Units that cost nothing are given back for nothing while they are still to be sent, and no others are", () => {
  const gift = { quantity: 2, price: 0, shipping: 40, duty: 0, tax: 8, shippingTax: 1 };
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

Deno.test("However many payments give a refund, their shares are whole, none takes more than there is, and nothing is lost", () => {
  fc.assert(fc.property(
    fc.record({ goods: cents, shipping: cents, duty: cents, tax: cents }),
    cents,
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
    (parts, owed, weights) => {
      const amount = sumOf(parts) + owed;
      fc.pre(amount >= weights.length);
      const whole = weights.reduce((sum, weight) => sum + weight, 0);
      const amounts = weights.map((weight) => Math.max(1, Math.floor((amount * weight) / whole)));
      amounts[0]! += amount - amounts.reduce((sum, each) => sum + each, 0);
      fc.pre(amounts[0]! > 0);
      const items = [{ line: 1, quantity: 1 }];
      const shares = shareOut({ amount, parts, items }, amounts);
      assertEquals(shares.map((share) => share.amount), amounts);
      for (const part of PARTS) {
        assertEquals(shares.reduce((sum, share) => sum + share.parts[part], 0), parts[part], part);
        assert(shares.every((share) => share.parts[part] >= 0));
      }
      assert(shares.every((share) => sumOf(share.parts) <= share.amount));
      assertEquals(shares.map((share) => share.items), [items, ...shares.slice(1).map(() => [])]);
    },
  ));
});
