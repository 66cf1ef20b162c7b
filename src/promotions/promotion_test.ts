import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { examplePromotion } from "../../tests/support/promotions.ts";
import { applyCoupon, type Coupon, type FullLine, type Promotion } from "./promotion.ts";

const AT = new Date("2026-06-01T12:00:00.000Z");

function coupon(more: Partial<Promotion> = {}, uses: Partial<Coupon> = {}): Coupon {
  return {
    code: "SUMMER",
    at: AT,
    promotion: examplePromotion(more),
    redeemed: 0,
    redeemedByCustomer: 0,
    ...uses,
  };
}

const line = (price: bigint, sku = "MUG", category: string | null = "Kitchen"): FullLine => ({
  sku,
  category,
  price,
});
const euros = (amount: number) => [{ currency: "EUR", amount }];

/** What each line is cheaper by; null where the coupon does not apply. @throws what refuses it */
function amountsOff(of: Coupon, lines: FullLine[]): (bigint | null)[] {
  const { discounts, refusal } = applyCoupon(of, "EUR", lines);
  if (refusal) throw new Error(refusal.code);
  return discounts.map((discount) => discount?.amount ?? null);
}

/** Why it is refused; undefined where it is not. */
const refusalOf = (of: Coupon, lines = [line(1000n)], currency = "EUR") =>
  applyCoupon(of, currency, lines).refusal;

Deno.test("A code that nobody made is refused by its name", () => {
  assertEquals(refusalOf({ code: "SUMER", at: AT, redeemed: 0, redeemedByCustomer: 0 }), {
    pointer: "/coupon_code",
    code: "coupon_unknown",
    message: "The coupon SUMER is not known.",
    coupon_code: "SUMER",
  });
});

Deno.test("What was switched off is refused", () => {
  assertEquals(refusalOf(coupon({ active: false }))?.code, "coupon_inactive");
  assertEquals(refusalOf(coupon()), undefined);
});

Deno.test("A promotion can be used from the moment it starts, and not a millisecond before", () => {
  const starts_at = "2026-06-01T12:00:00.000Z";
  assertEquals(refusalOf(coupon({ starts_at })), undefined);
  const early = refusalOf(coupon({ starts_at }, { at: new Date(AT.getTime() - 1) }));
  assertEquals([early?.code, early?.starts_at], ["coupon_not_started", starts_at]);
});

Deno.test("A promotion cannot be used any more from the moment it ends", () => {
  const ends_at = "2026-06-01T12:00:00.000Z";
  assertEquals(refusalOf(coupon({ ends_at }, { at: new Date(AT.getTime() - 1) })), undefined);
  const late = refusalOf(coupon({ ends_at }));
  assertEquals([late?.code, late?.ends_at], ["coupon_expired", ends_at]);
});

Deno.test("The last use of all can be had, and not one more", () => {
  assertEquals(refusalOf(coupon({ max_redemptions: 3 }, { redeemed: 2 })), undefined);
  assertEquals(refusalOf(coupon({ max_redemptions: 3 }, { redeemed: 3 }))?.code, "coupon_used_up");
  assertEquals(refusalOf(coupon({}, { redeemed: 1_000_000 })), undefined, "without a limit");
});

Deno.test("A customer's last use can be had, and not one more", () => {
  assertEquals(refusalOf(coupon({ max_per_customer: 2 }, { redeemedByCustomer: 1 })), undefined);
  assertEquals(
    refusalOf(coupon({ max_per_customer: 2 }, { redeemedByCustomer: 2 }))?.code,
    "coupon_used_before",
  );
  assertEquals(refusalOf(coupon({}, { redeemedByCustomer: 1000 })), undefined, "without a limit");
});

Deno.test("What was redeemed counts as the caller knows it, not as the promotion was read", () => {
  assertEquals(refusalOf(coupon({ max_redemptions: 1, redeemed: 1 }, { redeemed: 0 })), undefined);
});

Deno.test("A coupon for other goods is refused, also where what it applies to costs nothing", () => {
  const cases: [Partial<Promotion>, FullLine[]][] = [
    [{ skus: ["CUP"] }, [line(1000n)]],
    [{ categories: ["Garden"] }, [line(1000n)]],
    [{ categories: ["Kitchen"] }, [line(1000n, "MUG", null)]],
    [{ skus: ["CUP"] }, [line(1000n), line(0n, "CUP")]],
    [{}, [line(0n)]],
    [{}, []],
    [{ amount_off: euros(500) }, [line(0n)]],
  ];
  for (const [more, lines] of cases) {
    assertEquals(refusalOf(coupon(more), lines)?.code, "coupon_not_applicable", JSON.stringify(more));
  }
});

Deno.test("In a currency that its amount, or its minimum, is not said in a coupon is refused", () => {
  const amounts = [{ currency: "EUR", amount: 500 }, { currency: "GBP", amount: 400 }];
  for (const more of [{ amount_off: amounts }, { minimum_subtotal: amounts }]) {
    const { code, message, currency, currencies } = refusalOf(coupon(more), [line(1000n)], "JPY")!;
    assertEquals({ code, message, currency, currencies }, {
      code: "coupon_not_in_currency",
      message: "The coupon SUMMER cannot be used in JPY.",
      currency: "JPY",
      currencies: ["EUR", "GBP"],
    });
    assertEquals(refusalOf(coupon(more), [line(1000n)], "GBP"), undefined);
  }
  assertEquals(refusalOf(coupon(), [line(1000n)], "JPY"), undefined, "a percentage has no currency");
});

Deno.test("Goods for exactly the minimum will do, a cent less will not, and goods that it does not apply to do not count", () => {
  const from50 = { minimum_subtotal: euros(5000) };
  assertEquals(refusalOf(coupon(from50), [line(2500n), line(2500n)]), undefined);
  const { code, message, minimum_subtotal, currency } = refusalOf(coupon(from50), [line(4999n)])!;
  assertEquals({ code, message, minimum_subtotal, currency }, {
    code: "coupon_minimum_not_met",
    message: "The coupon SUMMER needs goods for 50.00 EUR that it applies to, and these are 49.99 EUR.",
    minimum_subtotal: 5000,
    currency: "EUR",
  });
  const ofCups = coupon({ ...from50, skus: ["CUP"] });
  assertEquals(refusalOf(ofCups, [line(4999n, "CUP"), line(9000n)])?.code, "coupon_minimum_not_met");
});

Deno.test("A percentage is taken of each line, rounded once, from the middle to the even cent", () => {
  const lines = [5n, 15n, 25n, 26n, 1000n].map((price) => line(price));
  assertEquals(amountsOff(coupon(), lines), [0n, 2n, 2n, 3n, 100n]);
  assertEquals(amountsOff(coupon({ percent_off: "12.5" }), [line(4n), line(12n), line(999n)]), [
    0n,
    2n,
    125n,
  ]);
  assertEquals(amountsOff(coupon({ percent_off: "100" }), [line(1n), line(999n)]), [1n, 999n]);
  assertEquals(amountsOff(coupon({ percent_off: "0.01" }), [line(4999n), line(5001n)]), [0n, 1n]);
});

Deno.test("A percentage says how it came to be: of what, how much of it, and whether it was rounded", () => {
  const { discounts } = applyCoupon(coupon({ percent_off: "12.5" }), "EUR", [line(999n), line(1000n)]);
  assertEquals(discounts, [
    { amount: 125n, rule: "Coupon SUMMER: 12.5 % off", rate: "0.125", basis: 999n, rounding: "half_even" },
    { amount: 125n, rule: "Coupon SUMMER: 12.5 % off", rate: "0.125", basis: 1000n, rounding: "exact" },
  ]);
});

Deno.test("An amount is split by what the lines cost, and what is left goes to the largest remainders, of equal ones the first", () => {
  const off = (amount: number, ...prices: bigint[]) =>
    amountsOff(coupon({ amount_off: euros(amount) }), prices.map((price) => line(price)));
  assertEquals(off(100, 1000n, 3000n), [25n, 75n]);
  assertEquals(off(100, 500n, 500n, 500n), [34n, 33n, 33n]);
  assertEquals(off(10, 100n, 200n, 400n), [1n, 3n, 6n]);
  assertEquals(off(1, 100n, 300n), [0n, 1n]);
});

Deno.test("An amount says whether it is a line's alone or its share", () => {
  const fiveOff = coupon({ amount_off: euros(500) });
  const shared = { rate: null, basis: 500n, rounding: "largest_remainder" as const };
  const rule = "Its share by value of coupon SUMMER: 5.00 EUR off";
  assertEquals(applyCoupon(fiveOff, "EUR", [line(1000n), line(3000n)]).discounts, [
    { amount: 125n, rule, ...shared },
    { amount: 375n, rule, ...shared },
  ]);
  assertEquals(applyCoupon(fiveOff, "EUR", [line(1000n), line(0n)]).discounts, [
    { amount: 500n, rule: "Coupon SUMMER: 5.00 EUR off", rate: null, basis: null, rounding: "exact" },
    undefined,
  ]);
});

Deno.test("An amount of more than the goods cost takes all of that, and no more", () => {
  const hundredOff = { amount_off: euros(10_000) };
  assertEquals(amountsOff(coupon(hundredOff), [line(999n), line(1n)]), [999n, 1n]);
  const { discounts } = applyCoupon(coupon(hundredOff), "EUR", [line(999n), line(1n)]);
  assertEquals(discounts?.map((discount) => discount?.basis), [1000n, 1000n], "what was split");
  const ofCups = coupon({ ...hundredOff, skus: ["CUP"] });
  assertEquals(amountsOff(ofCups, [line(999n, "CUP"), line(5000n)]), [999n, null]);
});

Deno.test("It applies to the products and the categories that are named, to either, and to all where none are", () => {
  const lines = [line(100n, "MUG", "Kitchen"), line(100n, "ROSE", "Garden"), line(100n, "GIFT", null)];
  const found = (more: Partial<Promotion>) => amountsOff(coupon(more), lines);
  assertEquals(found({}), [10n, 10n, 10n]);
  assertEquals(found({ skus: ["MUG"] }), [10n, null, null]);
  assertEquals(found({ categories: ["Garden"] }), [null, 10n, null]);
  assertEquals(found({ skus: ["GIFT"], categories: ["Kitchen"] }), [10n, null, 10n]);
  assertEquals(found({ amount_off: euros(10), skus: ["MUG", "GIFT"] }), [5n, null, 5n]);
});

Deno.test("A line that costs nothing gets no discount", () => {
  assertEquals(amountsOff(coupon(), [line(0n), line(100n)]), [null, 10n]);
  assertEquals(amountsOff(coupon({ amount_off: euros(30) }), [line(100n), line(0n)]), [30n, null]);
});

Deno.test("No line is ever cheaper by more than it costs, and an amount's shares are the amount or all that the goods cost", () => {
  const lines = fc.array(
    fc.record({
      sku: fc.constantFrom("MUG", "CUP", "ROSE"),
      category: fc.constantFrom("Kitchen", "Garden", null),
      price: fc.oneof(fc.bigInt(0n, 20n), fc.bigInt(0n, 10n ** 12n)),
    }),
    { minLength: 1, maxLength: 20 },
  );
  const off = fc.oneof(
    fc.integer({ min: 1, max: 10_000 }).map((n) => ({ percent_off: String(n / 100), amount_off: null })),
    fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 10 ** 13 })).map((amount) => ({
      percent_off: null,
      amount_off: euros(amount),
    })),
  );
  const goods = fc.record({
    skus: fc.subarray(["MUG", "CUP"]),
    categories: fc.subarray(["Kitchen", "Garden"]),
  });
  fc.assert(fc.property(lines, off, goods, (lines, off, goods) => {
    const { discounts, refusal } = applyCoupon(coupon({ ...off, ...goods }), "EUR", lines);
    const all = goods.skus.length + goods.categories.length === 0;
    const worth = lines.filter(({ sku, category }) =>
      all || goods.skus.includes(sku) || goods.categories.includes(category!)
    ).reduce((sum, { price }) => sum + price, 0n);
    if (refusal) {
      assertEquals([refusal.code, worth], ["coupon_not_applicable", 0n]);
      return;
    }
    assertEquals(discounts.length, lines.length);
    for (const [index, discount] of discounts.entries()) {
      if (discount) assert(0n <= discount.amount && discount.amount <= lines[index]!.price);
    }
    const total = discounts.reduce((sum, discount) => sum + (discount?.amount ?? 0n), 0n);
    const stated = off.amount_off && BigInt(off.amount_off[0]!.amount);
    if (stated !== null) assertEquals(total, stated < worth ? stated : worth);
  }));
});
