import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Earning, EarningLine } from "../campaigns/campaign.ts";
import { move, type PointsAccount, type PointsMovement } from "./account.ts";
import { type EarningOrder, type OrderPoints, settle } from "./settlement.ts";

/** A point for each euro, on everything. */
function campaign(id: string, known: Partial<Earning> = {}): Earning & { id: string } {
  return {
    id,
    points: 1,
    per_amount: [{ currency: "EUR", amount: 100 }],
    skus: [],
    categories: [],
    ...known,
  };
}

const LINES: EarningLine[] = [
  { sku: "CUP", category: "Kitchen", line_total: 1999 },
  { sku: "LAMP", category: "Living", line_total: 3000 },
  { sku: "GIFT", category: null, line_total: 101 },
];

/** Goods for 51.00, with shipping, duty and tax 80.00, that was just paid. */
function paidOrder(known: Partial<EarningOrder> = {}): EarningOrder {
  return {
    id: "order",
    user_id: "user",
    currency: "EUR",
    total_price: 8000,
    amount_paid: 8000,
    amount_refunded: 0,
    amount_due: 0,
    lines: LINES,
    earned: [],
    campaigns: [campaign("one")],
    ...known,
  };
}

/** What an order is to have by its campaigns, and by how much that is more. */
function settled(known: Partial<EarningOrder>): [string, number, number, number][] {
  return settle(paidOrder(known)).map((each) => [each.campaign_id, each.points, each.full_points, each.more]);
}

const had = (points: number): OrderPoints[] => [{ campaign_id: "one", full_points: 51, points }];

Deno.test("An order earns by what its goods cost, rounded down once for all lines", () => {
  assertEquals(settled({}), [["one", 51, 51, 51]]);
  assertEquals(settled({ campaigns: [campaign("one", { points: 3 })] }), [["one", 153, 153, 153]]);
  const third = campaign("one", { per_amount: [{ currency: "EUR", amount: 300 }] });
  assertEquals(settled({ campaigns: [third] }), [["one", 17, 17, 17]]);
});

Deno.test("A campaign gives points for its SKUs and its categories, for a line once, and none for other goods", () => {
  const by = (known: Partial<Earning>) => settled({ campaigns: [campaign("one", known)] })[0]?.[1];
  assertEquals(by({ skus: ["CUP"] }), 19);
  assertEquals(by({ categories: ["Living"] }), 30);
  assertEquals(by({ skus: ["LAMP", "GIFT"], categories: ["Living", "Kitchen"] }), 51);
  assertEquals(by({ skus: ["LAMP"], categories: ["Living"] }), 30);
  assertEquals(by({ skus: ["KITCHEN"], categories: ["CUP"] }), undefined);
});

Deno.test("Campaigns add up, each rounded by itself, and one that gives nothing leaves nothing behind", () => {
  const campaigns = [
    campaign("a", { skus: ["CUP"] }),
    campaign("b", { per_amount: [{ currency: "USD", amount: 1 }] }),
    campaign("c", {
      points: 2,
      per_amount: [{ currency: "USD", amount: 1 }, { currency: "EUR", amount: 500 }],
    }),
    campaign("d", { skus: ["GIFT"], per_amount: [{ currency: "EUR", amount: 102 }] }),
  ];
  assertEquals(settled({ campaigns }), [["a", 19, 19, 19], ["c", 20, 20, 20]]);
});

Deno.test("The largest order by a most generous campaign earns to the point, and loses no more than it has to", () => {
  const most = 1_000_000_000_000;
  const lines = [{ sku: "GOLD", category: null, line_total: most - 1 }];
  const campaigns = [campaign("one", { points: 999, per_amount: [{ currency: "EUR", amount: 1 }] })];
  const money = { total_price: most, amount_paid: most, lines, campaigns };
  assertEquals(settled(money)[0]![1], 998_999_999_999_001);
  // 999 (m - 1) (m - 1001001001) / m is a billionth less than a whole number.
  assertEquals(settled({ ...money, amount_refunded: 1_001_001_001 })[0]![1], 997_999_999_999_002);
});

Deno.test("Points go in proportion to what is refunded, rounded down, and all of them with all of the money", () => {
  assertEquals(settled({ earned: had(51), amount_refunded: 1 }), [["one", 50, 51, -1]]);
  assertEquals(settled({ earned: had(51), amount_refunded: 4000 }), [["one", 25, 51, -26]]);
  assertEquals(settled({ earned: had(25), amount_refunded: 7999 }), [["one", 0, 51, -25]]);
  assertEquals(settled({ earned: had(51), amount_refunded: 8000 }), [["one", 0, 51, -51]]);
  assertEquals(settled({ earned: had(0), amount_refunded: 8000 }), []);
});

Deno.test("What was paid too much earns nothing, and takes nothing when it goes back", () => {
  assertEquals(settled({ amount_paid: 9000, amount_due: -1000 }), [["one", 51, 51, 51]]);
  assertEquals(settled({ earned: had(51), amount_paid: 9000, amount_refunded: 1000 }), []);
  assertEquals(settled({ earned: had(51), amount_paid: 9000, amount_refunded: 400, amount_due: -600 }), []);
});

Deno.test("An order that is cancelled has no points, be its money on its way back or not", () => {
  assertEquals(settled({ earned: had(51), amount_due: -8000 }), [["one", 0, 51, -51]]);
  assertEquals(settled({ earned: had(25), amount_refunded: 4000, amount_due: -4000 }), [["one", 0, 51, -25]]);
  assertEquals(settled({ amount_paid: 3000, amount_due: -3000 }), []);
});

Deno.test("An order of nothing, or with nothing on its goods, earns nothing", () => {
  assertEquals(settled({ total_price: 0, amount_paid: 0, lines: [] }), []);
  assertEquals(settled({ lines: LINES.map((line) => ({ ...line, line_total: 0 })) }), []);
});

Deno.test("An order keeps the campaigns that it earned by first, whichever run now", () => {
  const campaigns = [campaign("one", { points: 9 }), campaign("two")];
  assertEquals(settled({ earned: had(51), campaigns }), []);
  assertEquals(settled({ earned: had(51), campaigns, amount_refunded: 4000 }), [["one", 25, 51, -26]]);
});

const SKUS = ["CUP", "LAMP", "GIFT"];
const CATEGORIES = ["Kitchen", "Living"];
const anyLine = fc.record({
  sku: fc.constantFrom(...SKUS),
  category: fc.constantFrom(...CATEGORIES, null),
  line_total: fc.integer({ min: 0, max: 20_000 }),
});
const anyCampaign = fc.record({
  points: fc.integer({ min: 1, max: 20 }),
  per_amount: fc.constantFrom("EUR", "USD").chain((currency) =>
    fc.integer({ min: 1, max: 2000 }).map((amount) => [{ currency, amount }])
  ),
  skus: fc.subarray(SKUS),
  categories: fc.subarray(CATEGORIES),
});
/** What happens to an order: its money comes and goes by tenths of what is due, or is there, or a waiting job is done. */
const anyStep = fc.record({
  what: fc.constantFrom(
    "pay",
    "pay",
    "pay",
    "refund",
    "refund",
    "refund",
    "cancel",
    "settle",
    "settle",
    "settle",
  ),
  tenths: fc.constantFrom(1, 3, 9, 10, 10, 12),
});

Deno.test("For all campaigns, payments and refunds, and jobs done in any order: points follow from the money that is there in the end", () => {
  const seen = { earned: 0, partly: 0, gone: 0 };
  fc.assert(
    fc.property(
      fc.array(anyLine, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.array(anyCampaign, { maxLength: 4 }),
      fc.array(anyStep, { maxLength: 14 }),
      fc.infiniteStream(fc.nat(20)),
      (lines, shipping, wanted, steps, picks) => {
        const total = shipping + lines.reduce((sum, { line_total }) => sum + line_total, 0);
        const campaigns = wanted.map((each, i) => ({ id: `campaign-${i}`, ...each }));
        const money = { total_price: total, amount_paid: 0, amount_refunded: 0, amount_due: total };
        /** What is still sold: refunds take from it. */
        let sale = total;
        let [isCancelled, wasPaid] = [false, false];
        const jobs: { isFirstPaid: boolean }[] = [];
        const has = new Map<string, OrderPoints>();
        let account: PointsAccount = { user_id: "user", balance: 0, version: 0, updated_at: null };
        const movements: PointsMovement[] = [];

        const settleOne = (job: { isFirstPaid: boolean }) => {
          const order = paidOrder({ ...money, lines, earned: [...has.values()] });
          for (const { more, ...row } of settle({ ...order, campaigns: job.isFirstPaid ? campaigns : [] })) {
            assert(row.points >= 0 && row.points <= row.full_points && row.full_points > 0);
            assert(more < 0 || !has.has(row.campaign_id), "points of an order come once");
            has.set(row.campaign_id, row);
            const kind = more > 0 ? "earned" : "reversed";
            const [movement, after] = move(account, {
              kind,
              points: more,
              created_at: "2026-11-20T12:00:00.000Z",
            });
            movements.push(movement);
            account = after;
          }
        };
        const take = () => jobs.splice(picks.next().value! % jobs.length, 1)[0]!;

        for (const { what, tenths } of steps) {
          const kept = money.amount_paid - money.amount_refunded;
          if (what === "pay" && money.amount_due > 0) {
            const amount = Math.ceil(money.amount_due * tenths / 10);
            money.amount_paid += amount;
            money.amount_due -= amount;
            if (money.amount_due <= 0) jobs.push({ isFirstPaid: true });
            wasPaid ||= money.amount_due <= 0;
          } else if (what === "refund" && kept > 0) {
            const amount = Math.ceil(kept * Math.min(tenths, 10) / 10);
            money.amount_refunded += amount;
            const owed = Math.min(amount, Math.max(0, -money.amount_due)); // goes back first
            money.amount_due += owed;
            sale -= amount - owed;
            jobs.push({ isFirstPaid: false });
          } else if (what === "cancel" && !isCancelled) {
            isCancelled = true;
            money.amount_due = -kept;
            sale = 0;
            jobs.push({ isFirstPaid: false });
          } else if (what === "settle" && jobs.length > 0) settleOne(take());
        }
        while (jobs.length > 0) settleOne(take());
        settleOne({ isFirstPaid: false });

        const left = wasPaid ? Math.min(money.amount_paid - money.amount_refunded, sale) : 0;
        for (const each of campaigns) {
          const per = each.per_amount[0]!;
          const isMeant = ({ sku, category }: EarningLine) =>
            each.skus.length + each.categories.length === 0 || each.skus.includes(sku) ||
            each.categories.some((one) => one === category);
          const worth = lines.filter(isMeant).reduce((sum, { line_total }) => sum + line_total, 0);
          const full = per.currency === "EUR" ? Math.floor(worth * each.points / per.amount) : 0;
          const points = left === 0 ? 0 : Math.floor(full * left / total);
          assertEquals(has.get(each.id)?.points ?? 0, points);
          if (has.has(each.id)) assertEquals(has.get(each.id)!.full_points, full);
          if (points > 0) seen[points < full ? "partly" : "earned"]++;
          else if (has.has(each.id)) seen.gone++;
        }
        const sum = [...has.values()].reduce((sum, { points }) => sum + points, 0);
        assertEquals(account.balance, sum);
        assertEquals(movements.reduce((sum, { points }) => sum + points, 0), sum);
      },
    ),
    { numRuns: 4000 },
  );
  assert(Object.values(seen).every((times) => times > 40), JSON.stringify(seen));
});
