import { assertEquals } from "@std/assert";
import { type Earning, type EarningLine, pointsFor } from "./campaign.ts";

/** Two points for each euro, on everything. */
const TWO_A_EURO: Earning = {
  points: 2,
  per_amount: [{ currency: "EUR", amount: 100 }],
  skus: [],
  categories: [],
};

const line = (line_total: number, sku = "MUG", category: string | null = "Kitchen"): EarningLine => ({
  sku,
  category,
  line_total,
});

const earned = (more: Partial<Earning>, lines: EarningLine[], currency = "EUR") =>
  pointsFor({ ...TWO_A_EURO, ...more }, currency, lines);

Deno.test("Points are rounded down, once for the whole order: half amounts earn, and cents of several lines sum up", () => {
  assertEquals([99, 100, 149, 150, 199].map((total) => earned({}, [line(total)])), [1, 2, 2, 3, 3]);
  assertEquals([0, 49, 50].map((total) => earned({}, [line(total)])), [0, 0, 1]);
  assertEquals(earned({}, [line(49), line(49), line(2)]), 2);
  assertEquals(earned({ points: 3, per_amount: [{ currency: "EUR", amount: 700 }] }, [line(699)]), 2);
  assertEquals(earned({}, []), 0);
});

Deno.test("Each currency has its own amount in its own minor units, and in others nothing is earned", () => {
  const per_amount = [
    { currency: "EUR", amount: 100 },
    { currency: "JPY", amount: 150 },
    { currency: "KWD", amount: 333 },
  ];
  assertEquals(earned({ per_amount }, [line(1000)], "EUR"), 20);
  assertEquals(earned({ per_amount }, [line(1000)], "JPY"), 13, "¥1000");
  assertEquals(earned({ per_amount }, [line(1000)], "KWD"), 6, "1.000 dinar");
  assertEquals(earned({ per_amount }, [line(1000)], "USD"), 0);
});

Deno.test("Only goods that are named earn, by their SKU or by their category; without names all do", () => {
  const lines = [
    line(100),
    line(1000, "CUP"),
    line(10_000, "SPADE", "Garden"),
    line(100_000, "GIFT", null),
  ];
  const of = (more: Partial<Earning>) => earned({ points: 1, ...more }, lines);
  assertEquals(of({}), 1111);
  assertEquals(of({ skus: ["MUG", "GIFT"] }), 1001);
  assertEquals(of({ categories: ["Kitchen"] }), 11);
  assertEquals(of({ skus: ["CUP", "SPADE"], categories: ["Garden"] }), 110, "each line once");
  assertEquals(of({ skus: ["kitchen"], categories: ["CUP"] }), 0);
});

Deno.test("The largest order that there can be earns to the point what the largest campaign gives", () => {
  const most = { points: 1000, per_amount: [{ currency: "EUR", amount: 1 }] };
  assertEquals(earned(most, [line(999_999_999_999), line(1)]), 1_000_000_000_000_000);
  const odd = { points: 997, per_amount: [{ currency: "EUR", amount: 991 }] };
  // 999,999,999,989 × 997 = 996,999,999,989,033, which is 991 × 1,006,054,490,402 + 651.
  assertEquals(earned(odd, [line(999_999_999_989)]), 1_006_054_490_402);
});
