import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { consignments, RATES } from "../../tests/support/consignments.ts";
import { parseDecimal } from "../platform/money.ts";
import type { ExplanationEntry, LandedCost, LandedCostInput, TradeFacts } from "./facts.ts";
import { landedCost } from "./landed_cost.ts";

const sum = (amounts: number[]) => amounts.reduce((a, b) => a + b, 0);
const AMOUNTS = [
  "line_total",
  "shipping_amount",
  "duty_amount",
  "tax_amount",
  "duty_on_delivery",
  "tax_on_delivery",
] as const;

/** What is paid for each line but for who collects it. */
function chargesOf({ lines }: LandedCost) {
  return lines.map((line) => ({
    goods: line.line_total,
    shipping: line.shipping_amount,
    duty: line.duty_amount + line.duty_on_delivery,
    tax: line.tax_amount + line.tax_on_delivery,
  }));
}

function holds(name: string, check: (cost: LandedCost, input: LandedCostInput, facts: TradeFacts) => void) {
  Deno.test(name, () => {
    fc.assert(
      fc.property(consignments, ({ input, facts }) => check(landedCost(input, facts), input, facts)),
      { numRuns: 3000 },
    );
  });
}

holds("Totals are the sums of their lines, whole, and nothing is negative", (cost, input) => {
  for (const line of cost.lines) {
    for (const field of AMOUNTS) assert(Number.isSafeInteger(line[field]) && line[field] >= 0);
    assertEquals(line.line_total, line.unit_price * line.quantity);
  }
  const total = (field: typeof AMOUNTS[number]) => sum(cost.lines.map((line) => line[field]));
  assertEquals(
    cost.lines.map(({ line, quantity, sku }) => [line, quantity, sku]),
    input.lines.map(({ product, quantity }, index) => [index + 1, quantity, product.sku]),
  );
  assertEquals(AMOUNTS.map(total), [
    cost.subtotal,
    cost.shipping_total,
    cost.duty_total,
    cost.tax_total,
    cost.duty_on_delivery,
    cost.tax_on_delivery,
  ]);
  assertEquals(cost.total_price, cost.subtotal + cost.shipping_total + cost.duty_total + cost.tax_total);
});

holds("The explanation adds up: to the total what is collected, to the door's the rest", (cost) => {
  const told = (collected: boolean) =>
    sum(cost.explanation.filter((entry) => entry.collected === collected).map(({ amount }) => amount));
  assertEquals(told(true), cost.total_price);
  assertEquals(told(false), cost.duty_on_delivery + cost.tax_on_delivery);
  assertEquals(
    cost.explanation.map(({ line, kind }) => `${line} ${kind}`),
    cost.lines.flatMap(({ line }) => ["goods", "shipping", "duty", "tax"].map((kind) => `${line} ${kind}`)),
  );
});

holds("Whoever reads the explanation can check it: rate × basis, rounded half to even", (cost) => {
  for (const { kind, rate, basis, amount, rounding } of cost.explanation) {
    if (rate === null || rate.includes("/kg") || basis === null) continue;
    const { n, d } = parseDecimal(rate);
    const twiceOff = 2n * (BigInt(amount) * d - BigInt(basis) * n);
    assert(-d <= twiceOff && twiceOff <= d, `${kind} ${rate} × ${basis}`);
    if (twiceOff === d || twiceOff === -d) assertEquals(amount % 2, 0);
    assertEquals(rounding, twiceOff === 0n ? "exact" : "half_even");
  }
});

holds(
  "Shipping is what its option costs, converted and rounded once, however it is split",
  (cost, input, facts) => {
    const { currency: from, bands } = facts.shippingOptions[0]!;
    const per = (code: string) => RATES.find(({ currency }) => currency === code)?.rate ?? "1";
    const digits: Record<string, number> = { EUR: 2, USD: 2, JPY: 0, KWD: 3 };
    const [a, b] = [parseDecimal(per(from)), parseDecimal(per(input.currency))];
    const n = BigInt(bands[0]!.price) * b.n * a.d * 10n ** BigInt(digits[input.currency]!);
    const d = b.d * a.n * 10n ** BigInt(digits[from]!);
    const twiceOff = 2n * (BigInt(cost.shipping_total) * d - n);
    assert(-d <= twiceOff && twiceOff <= d);
  },
);

holds("DAP and DDP cost the same together; DDP leaves nothing for the door", (cost, input, facts) => {
  const [ddp, dap] = (["DDP", "DAP"] as const).map((incoterm) => landedCost({ ...input, incoterm }, facts));
  assertEquals(chargesOf(ddp!), chargesOf(dap!));
  assertEquals(chargesOf(cost), chargesOf(dap!));
  assertEquals([ddp!.duty_on_delivery, ddp!.tax_on_delivery, dap!.duty_total], [0, 0, 0]);
  const taxAtDoor = dap!.explanation.filter(({ kind, collected }) => kind === "tax" && !collected);
  assert(taxAtDoor.length === 0 || taxAtDoor.length === cost.lines.length);
});

holds(
  "The order of the lines changes nothing but who gets the odd cents of shipping",
  (cost, input, facts) => {
    const reversed = landedCost({ ...input, lines: input.lines.toReversed() }, facts);
    const there = chargesOf(cost);
    const back = chargesOf(reversed).toReversed();
    assertEquals(there.map(({ goods }) => goods), back.map(({ goods }) => goods));
    assertEquals(reversed.shipping_total, cost.shipping_total);
    there.forEach((line, index) => {
      const other = back[index]!;
      assert(Math.abs(line.shipping - other.shipping) <= 1);
      if (line.shipping === other.shipping) assertEquals(line, other);
      // A unit of customs value at a rate of up to 150 %, and its rounding; tax of up to 150 % on top.
      assert(Math.abs(line.duty - other.duty) <= 3);
      assert(Math.abs(line.tax - other.tax) <= 7);
    });
  },
);

holds("Who crosses no border pays no duty; who does pays none within the threshold", (cost, input, facts) => {
  const { rules } = facts.schedule!;
  const domestic = input.shipFrom === "XA" || (rules.customs_territory === "EU" && input.shipFrom === "DE");
  const kinds = (kind: ExplanationEntry["kind"]) => cost.explanation.filter((entry) => entry.kind === kind);
  if (domestic) {
    assert(kinds("duty").every(({ amount, collected }) => amount === 0 && collected));
    assert(kinds("tax").every(({ collected }) => collected));
  }
  const { de_minimis } = rules.duty;
  if (domestic || !de_minimis || rules.currency !== input.currency) return;
  const value = cost.subtotal + (de_minimis.basis === "goods" ? 0 : cost.shipping_total);
  assertEquals(kinds("duty").every(({ rate }) => rate === null), value <= de_minimis.amount);
});
