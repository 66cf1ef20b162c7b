import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { consignments as underOldLaw, RATES } from "../../tests/support/consignments.ts";
import { compare, currencyDigits, parseDecimal, whole } from "../platform/money.ts";
import type { ExplanationEntry, LandedCost, LandedCostInput, LandedLine, TradeFacts } from "./facts.ts";
import { landedCost } from "./landed_cost.ts";

/** As they are, or with a flat duty up to some value, and perhaps another base of the seller's tax. */
const consignments = fc.record({
  known: underOldLaw,
  low_value: fc.option(fc.record({
    up_to: fc.record({
      amount: fc.nat(5_000_000),
      basis: fc.constantFrom("goods" as const, "goods_and_shipping" as const),
    }),
    per_subheading: fc.integer({ min: 1, max: 5_000 }),
  })),
  seller_base: fc.option(
    fc.subarray(["goods", "shipping", "duty"] as const, { minLength: 1 }).map((base) => [...base]),
  ),
}).map(({ known: { input, facts }, low_value, seller_base }) => {
  const { rules } = facts.schedule!;
  const duty = low_value ? { ...rules.duty, de_minimis: null, low_value } : rules.duty;
  const schedule = { ...facts.schedule!, rules: { ...rules, duty, tax: { ...rules.tax, seller_base } } };
  return { input, facts: { ...facts, schedule } };
});

const sum = (amounts: number[]) => amounts.reduce((a, b) => a + b, 0);
const AMOUNTS = [
  "discount_amount",
  "line_total",
  "shipping_amount",
  "duty_amount",
  "tax_amount",
  "duty_on_delivery",
  "tax_on_delivery",
] as const;

/** Minor units of `from` as those of `to`: an exact fraction. */
function converted(amount: number, from: string, to: string): { n: bigint; d: bigint } {
  const per = (code: string) => parseDecimal(RATES.find(({ currency }) => currency === code)?.rate ?? "1");
  const minor = (code: string) => 10n ** BigInt(currencyDigits(code));
  const [a, b] = [per(from), per(to)];
  return { n: BigInt(amount) * b.n * a.d * minor(to), d: b.d * a.n * minor(from) };
}

/** Is it the nearest whole amount, and the even one of two? */
function assertRounded(amount: number, { n, d }: { n: bigint; d: bigint }, what: string) {
  const twiceOff = 2n * (BigInt(amount) * d - n);
  assert(-d <= twiceOff && twiceOff <= d, what);
  if (twiceOff === d || twiceOff === -d) assertEquals(amount % 2, 0, what);
}

/** What a line costs before its discount. */
const fullPrice = ({ unit_price, quantity }: LandedLine) => unit_price * quantity;

/** Does the coupon, if there is one, take something off of a line? Of nothing it takes nothing. */
function isDiscounted({ lines, coupon }: LandedCostInput, line: LandedLine): boolean {
  if (!coupon || fullPrice(line) === 0) return false;
  const { skus, categories } = coupon.promotion!;
  const { category } = lines[line.line - 1]!.product;
  return skus.length + categories.length === 0 || skus.includes(line.sku) ||
    categories.includes(category ?? "");
}

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
    assertEquals(line.line_total, fullPrice(line) - line.discount_amount);
  }
  const total = (field: typeof AMOUNTS[number]) => sum(cost.lines.map((line) => line[field]));
  assertEquals(
    cost.lines.map(({ line, quantity, sku }) => [line, quantity, sku]),
    input.lines.map(({ product, quantity }, index) => [index + 1, quantity, product.sku]),
  );
  assertEquals(AMOUNTS.map(total), [
    cost.discount_total,
    cost.subtotal,
    cost.shipping_total,
    cost.duty_total,
    cost.tax_total,
    cost.duty_on_delivery,
    cost.tax_on_delivery,
  ]);
  assertEquals(cost.total_price, cost.subtotal + cost.shipping_total + cost.duty_total + cost.tax_total);
});

holds("The explanation adds up: to the total what is collected, to the door's the rest", (cost, input) => {
  const told = (collected: boolean) =>
    sum(cost.explanation.filter((entry) => entry.collected === collected).map(({ amount }) => amount));
  assertEquals(told(true), cost.total_price);
  assertEquals(told(false), cost.duty_on_delivery + cost.tax_on_delivery);
  assertEquals(
    cost.explanation.map(({ line, kind }) => `${line} ${kind}`),
    cost.lines.flatMap((line) => {
      const kinds = ["goods", ...isDiscounted(input, line) ? ["discount"] : [], "shipping", "duty", "tax"];
      return kinds.map((kind) => `${line.line} ${kind}`);
    }),
  );
});

holds("Whoever reads the explanation can check it: rate × basis, rounded half to even", (cost) => {
  for (const { kind, rate, basis, amount, rounding } of cost.explanation) {
    if (rate === null || rate.includes("/") || basis === null) continue;
    const { n, d } = parseDecimal(rate);
    const exact = { n: BigInt(basis) * n, d };
    const whole = kind === "discount" ? -amount : amount;
    assertRounded(whole, exact, `${kind} ${rate} × ${basis}`);
    assertEquals(rounding, BigInt(whole) * d === exact.n ? "exact" : "half_even");
  }
});

holds("A percentage is taken off of each line that the coupon applies to, and of no other", (cost, input) => {
  const percent = input.coupon?.promotion?.percent_off;
  if (!percent) return;
  const { n, d } = parseDecimal(percent);
  for (const line of cost.lines) {
    const basis = isDiscounted(input, line) ? BigInt(fullPrice(line)) : 0n;
    assertRounded(line.discount_amount, { n: basis * n, d: d * 100n }, `${percent} % of ${basis}`);
  }
});

holds("An amount is taken off whole, or all that the goods cost, by what each line costs", (cost, input) => {
  const { amount } = input.coupon?.promotion?.amount_off?.[0] ?? {};
  if (!amount) return;
  const prices = cost.lines.map((line) => isDiscounted(input, line) ? fullPrice(line) : 0);
  const worth = sum(prices);
  assertEquals(cost.discount_total, Math.min(amount, worth));
  cost.lines.forEach(({ discount_amount }, index) => {
    assert(discount_amount <= prices[index]!, "more than the line costs");
    const off = discount_amount * worth - cost.discount_total * prices[index]!;
    assert(Math.abs(off) < worth, "off by a unit");
  });
  for (const { kind, basis, rounding } of cost.explanation) {
    if (kind === "discount" && rounding !== "exact") assertEquals(basis, cost.discount_total);
  }
});

holds(
  "With a coupon goods bear the shipping, duty and tax of goods that had cost as little from the start",
  (_, input, facts) => {
    const lines = input.lines.map(({ product, quantity }) => (
      // What is free and weighs nothing has its share of shipping by quantity, which is another one below.
      { product: { ...product, weight_grams: product.weight_grams! + 1 }, quantity }
    ));
    const cost = landedCost({ ...input, lines }, facts);
    const cheap = cost.lines.map(({ line_total, quantity }, index) => {
      const { product } = lines[index]!;
      const weight_grams = product.weight_grams * quantity;
      return { product: { ...product, weight_grams }, quantity: 1, agreedPrice: line_total };
    });
    const undiscounted = landedCost({ ...input, lines: cheap, coupon: undefined }, facts);
    assertEquals(chargesOf(cost), chargesOf(undiscounted));
    assertEquals(cost.total_price, undiscounted.total_price);
  },
);

holds(
  "Shipping is what its option costs, converted and rounded once, however it is split; nothing for goods worth enough",
  (cost, input, facts) => {
    const { currency: from, bands, free_from } = facts.shippingOptions[0]!;
    const worth = converted(cost.subtotal, input.currency, from);
    if (free_from !== null && compare(worth, whole(free_from)) >= 0) {
      assertEquals(chargesOf(cost).map(({ shipping }) => shipping), cost.lines.map(() => 0));
      return;
    }
    assertRounded(cost.shipping_total, converted(bands[0]!.price, from, input.currency), "shipping");
  },
);

holds(
  "A flat duty is the same for each subheading, converted and rounded once, however it is split",
  (cost, input, facts) => {
    const { rules } = facts.schedule!;
    const flat = cost.explanation.filter(({ rate }) => rate?.endsWith("/item"));
    if (flat.length === 0) return;
    assertEquals(flat.map(({ line, kind }) => [line, kind]), cost.lines.map(({ line }) => [line, "duty"]));
    const duties = chargesOf(cost).map(({ duty }) => duty);
    const subheadings = Map.groupBy(cost.lines, ({ hs_code }) => hs_code!.slice(0, 6));
    for (const [subheading, lines] of subheadings) {
      const shares = lines.map(({ line }) => duties[line - 1]!);
      const total = sum(shares);
      const { per_subheading } = rules.duty.low_value!;
      assertRounded(total, converted(per_subheading, rules.currency, input.currency), subheading);
      const value = sum(lines.map(({ line_total }) => line_total));
      lines.forEach(({ line_total }, index) =>
        assert(Math.abs(shares[index]! * value - total * line_total) < Math.max(value, 1), "off by a unit")
      );
    }
  },
);

holds(
  "What of a collected tax is on the shipping is the share that shipping has in what is taxed",
  (cost) => {
    const taxes = cost.explanation.filter(({ kind }) => kind === "tax");
    cost.lines.forEach(({ tax_amount, shipping_amount, shipping_tax_amount }, index) => {
      const { basis, rate, rule, collected } = taxes[index]!;
      const isShippingTaxed = rate !== null && rule.split(";")[0]!.includes("shipping");
      const exact = { n: BigInt(tax_amount) * BigInt(shipping_amount), d: BigInt(basis ?? 1) };
      if (collected && isShippingTaxed && basis) assertRounded(shipping_tax_amount, exact, rule);
      else assertEquals(shipping_tax_amount, 0, rule);
    });
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
  "The order of the lines changes nothing but who gets the odd cents of a coupon, of shipping and of a flat duty",
  (cost, input, facts) => {
    const reversed = landedCost({ ...input, lines: input.lines.toReversed() }, facts);
    const there = chargesOf(cost);
    const back = chargesOf(reversed).toReversed();
    assertEquals(reversed.discount_total, cost.discount_total);
    assertEquals(reversed.shipping_total, cost.shipping_total);
    there.forEach(({ goods }, index) => assert(Math.abs(goods - back[index]!.goods) <= 1));
    // Who has an odd cent of the coupon has another share of all that is split by what goods cost.
    if (there.some(({ goods }, index) => goods !== back[index]!.goods)) {
      return assert(input.coupon!.promotion!.amount_off);
    }
    there.forEach((line, index) => {
      const other = back[index]!;
      assert(Math.abs(line.shipping - other.shipping) <= 1);
      const isFlat = cost.explanation.some(({ rate }) => rate?.endsWith("/item"));
      if (isFlat) assert(Math.abs(line.duty - other.duty) <= 1);
      if (line.shipping === other.shipping && (!isFlat || line.duty === other.duty)) {
        assertEquals(line, other);
      }
      // A unit of customs value at a rate of up to 150 %, and its rounding; tax of up to 150 % on top.
      assert(Math.abs(line.duty - other.duty) <= 3);
      assert(Math.abs(line.tax - other.tax) <= 7);
    });
  },
);

holds(
  "Who crosses no border pays no duty; who does pays none, or a flat one, within the threshold",
  (cost, input, facts) => {
    const { rules } = facts.schedule!;
    const domestic = input.shipFrom === "XA" || (rules.customs_territory === "EU" && input.shipFrom === "DE");
    const kinds = (kind: ExplanationEntry["kind"]) => cost.explanation.filter((entry) => entry.kind === kind);
    if (domestic) {
      assert(kinds("duty").every(({ amount, collected }) => amount === 0 && collected));
      assert(kinds("tax").every(({ collected }) => collected));
    }
    const { de_minimis, low_value } = rules.duty;
    const threshold = de_minimis ?? low_value?.up_to;
    if (domestic || !threshold || rules.currency !== input.currency) return;
    const value = cost.subtotal + (threshold.basis === "goods" ? 0 : cost.shipping_total);
    const isWithin = kinds("duty").every(({ rate }) => de_minimis ? rate === null : rate?.endsWith("/item"));
    assertEquals(isWithin, value <= threshold.amount);
  },
);
