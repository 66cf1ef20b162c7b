import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  add,
  allocate,
  compare,
  convert,
  crossRate,
  currencyDigits,
  formatAmount,
  formatDecimal,
  isCurrency,
  parseDecimal,
  roundHalfEven,
  whole,
} from "./money.ts";

const natural = fc.bigInt({ min: 0n, max: 10n ** 18n });
const positive = fc.bigInt({ min: 1n, max: 10n ** 12n });

Deno.test("Currencies have the minor units of ISO 4217, and nothing else is a currency", () => {
  assertEquals(["EUR", "JPY", "KWD", "KRW", "CHF"].map(currencyDigits), [2, 0, 3, 0, 2]);
  assertEquals(["EUR", "eur", "XYZ", ""].map(isCurrency), [true, false, false, false]);
  assertEquals(currencyDigits("XCG"), 2, "of Curaçao and Sint Maarten since 31 March 2025");
  assertEquals(["XXX", "XTS"].map(isCurrency), [false, false], "codes that stand for no money");
  for (const code of ["eur", "XYZ", "", "XXX"]) assertThrows(() => currencyDigits(code), RangeError);
});

Deno.test("A decimal in text is read without loss, and anything else is refused", () => {
  assertEquals(parseDecimal("0.12"), { n: 12n, d: 100n });
  assertEquals(parseDecimal("155.68000000"), { n: 15568000000n, d: 100000000n });
  for (const text of ["", "1e3", "-1", ".5", "1.", "1,5", "0x1", " 1", "NaN"]) {
    assertThrows(() => parseDecimal(text), RangeError);
  }
});

Deno.test("A half is rounded to the even neighbour, anything else to the nearest", () => {
  const rounded = (n: bigint, d: bigint) => roundHalfEven({ n, d });
  assertEquals([1n, 3n, 5n, 7n].map((n) => rounded(n, 2n)), [0n, 2n, 2n, 4n]);
  assertEquals([-1n, -3n, -5n].map((n) => rounded(n, 2n)), [0n, -2n, -2n]);
  assertEquals([rounded(4999n, 10000n), rounded(5001n, 10000n), rounded(15001n, 10000n)], [0n, 1n, 2n]);
});

Deno.test("Rounding is never more than half a unit off, and exact halves end up even", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), positive, (n, d) => {
      const off = 2n * (roundHalfEven({ n, d }) * d - n);
      assert(-d <= off && off <= d);
      if (off === d || off === -d) assertEquals(roundHalfEven({ n, d }) % 2n, 0n);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("Amounts are told in the digits of their currency", () => {
  assertEquals(
    [
      formatAmount(5, "EUR"),
      formatAmount(1299n, "EUR"),
      formatAmount(-5, "EUR"),
      formatAmount(1299, "JPY"),
      formatAmount(12114, "KWD"),
    ],
    ["0.05 EUR", "12.99 EUR", "-0.05 EUR", "1299 JPY", "12.114 KWD"],
  );
  assertEquals(
    [
      formatDecimal({ n: 1n, d: 3n }, 4),
      formatDecimal(whole(100), 2),
      formatDecimal({ n: 25n, d: 1000n }, 2),
    ],
    ["0.3333", "100", "0.02"],
  );
});

Deno.test("Fractions are added and compared exactly", () => {
  assertEquals(compare(add({ n: 1n, d: 3n }, { n: 1n, d: 6n }), { n: 1n, d: 2n }), 0);
  assert(compare({ n: 1n, d: 3n }, { n: 333_333_333n, d: 1_000_000_000n }) > 0);
  assert(compare({ n: 1n, d: 3n }, { n: 333_333_334n, d: 1_000_000_000n }) < 0);
});

Deno.test("Largest remainders take what is left, and of equal ones the first", () => {
  assertEquals(allocate(1000n, [1n, 1n, 1n]), [334n, 333n, 333n]);
  assertEquals(allocate(2000n, [1n, 2n, 4n]), [286n, 571n, 1143n]);
  assertEquals(allocate(490n, [100n, 300n]), [123n, 367n]);
  assertEquals(allocate(5n, [0n, 1n, 0n]), [0n, 5n, 0n]);
  assertEquals(allocate(1n, [0n, 1n, 1n]), [0n, 1n, 0n]);
});

Deno.test("A whole is not split by nothing, nor by anything negative", () => {
  assertThrows(() => allocate(5n, [0n, 0n]), RangeError);
  assertThrows(() => allocate(5n, []), RangeError);
  assertThrows(() => allocate(5n, [3n, -1n]), RangeError);
  assertThrows(() => allocate(-5n, [1n]), RangeError);
});

Deno.test("Splitting loses and makes no unit, and no share is a unit or more from its quota", () => {
  const weights = fc.array(natural, { minLength: 1, maxLength: 50 })
    .filter((each) => each.some((weight) => weight > 0n));
  fc.assert(
    fc.property(natural, weights, (total, weights) => {
      const shares = allocate(total, weights);
      const sum = weights.reduce((a, b) => a + b);
      assertEquals(shares.reduce((a, b) => a + b), total);
      shares.forEach((share, i) => {
        const off = share * sum - total * weights[i]!;
        assert(-sum < off && off < sum);
        if (weights[i] === 0n) assertEquals(share, 0n);
      });
    }),
    { numRuns: 5000 },
  );
});

Deno.test("Money is converted over the euro with the digits of both currencies", () => {
  const rates = { EUR: "1", USD: "1.0956", JPY: "155.68", KWD: "0.3365" };
  const converted = (amount: number, from: keyof typeof rates, to: keyof typeof rates) =>
    convert(
      whole(amount),
      { currency: from, rate: rates[from] },
      { currency: to, rate: rates[to] },
    );
  // 150.00 × 1.0956 = 164.34; 12.00 × 0.3365 = 4.038; 50.00 × 155.68 = 7784
  assertEquals(roundHalfEven(converted(15000, "EUR", "USD")), 16434n);
  assertEquals(roundHalfEven(converted(1200, "EUR", "KWD")), 4038n);
  assertEquals(roundHalfEven(converted(5000, "EUR", "JPY")), 7784n);
  // 10.00 × 0.3365 / 1.0956 = 3.07137…; 7784 / 155.68 = 50; 1.000 / 0.3365 × 155.68 = 462.645…
  assertEquals(roundHalfEven(converted(1000, "USD", "KWD")), 3071n);
  assertEquals(compare(converted(7784, "JPY", "EUR"), whole(5000)), 0);
  assertEquals(roundHalfEven(converted(1000, "KWD", "JPY")), 463n);
  const rate = crossRate({ currency: "USD", rate: "1.0956" }, { currency: "KWD", rate: "0.3365" });
  assertEquals(formatDecimal(rate, 12), "0.307137641475");
});

Deno.test("There and back again is exactly where it began", () => {
  const rate = fc.tuple(fc.integer({ min: 1, max: 10 ** 6 }), fc.integer({ min: 0, max: 999_999 }))
    .map(([units, millionths]) => `${units}.${String(millionths).padStart(6, "0")}`);
  const euroRate = fc.record({ currency: fc.constantFrom("USD", "JPY", "KWD"), rate });
  fc.assert(fc.property(natural, euroRate, euroRate, (amount, a, b) => {
    assertEquals(compare(convert(convert(whole(amount), a, b), b, a), whole(amount)), 0);
  }));
});
