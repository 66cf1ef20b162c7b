import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  after,
  type Ask,
  asks,
  cents,
  factsOf,
  lines,
  paidOrder,
  PARTS,
  refusalOf,
  sumOf,
} from "../../../tests/support/refund_facts.ts";
import type { Order, OrderItem, RefundParts } from "../../orders/mod.ts";
import { AppError } from "../../platform/errors.ts";
import { type RefundFacts, type RefundSplit, shareOut, splitRefund } from "./refund.ts";

/** Units of a line that costs nothing are not refunded, and no others are refused. */
function assertFree(order: Order, item: OrderItem, withShipping: boolean, error: unknown): void {
  assert(error instanceof AppError, String(error));
  const { errors } = error as AppError;
  assertEquals(errors.map(({ code }) => code), [
    order.total_price === 0 ? "nothing_paid" : "more_than_refundable",
  ]);
  assertEquals([errors[0]!.refundable, item.line_total, item.duty_amount], [0, 0, 0]);
  if (withShipping) assertEquals([item.shipping_amount, item.tax_amount], [0, 0]);
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
          assert((split.amount > 0 || ask.items !== undefined) && split.amount <= facts.money);
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
        // Units after the last that are worth anything are nobody's to ask for where nothing else was paid.
        for (let left = item.quantity, i = 0; left > 0 && facts.money > 0; i++) {
          const quantity = Math.min(left, sizes[i]!);
          left -= quantity;
          const ask = { items: [{ line: item.line, quantity }], include_shipping: withShipping };
          let split: RefundSplit;
          try {
            split = splitRefund(facts, ask);
          } catch (error) {
            assertFree(order, item, withShipping, error);
            break;
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
            assertFree(order, item, true, error);
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
