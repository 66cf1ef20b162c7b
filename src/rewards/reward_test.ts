import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { maySee, newCode, requireRedeemable, type Reward } from "./reward.ts";

const AT = new Date("2026-06-01T12:00:00.000Z");
const NOW = AT.toISOString();
const JUST_BEFORE = new Date(AT.getTime() - 1);

/** Ten percent off for 50 points, from 2026 on. */
function reward(more: Partial<Reward> = {}): Reward {
  return {
    id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    name: "Ten off",
    points: 50,
    valid_days: 90,
    percent_off: "10",
    amount_off: null,
    minimum_subtotal: null,
    skus: [],
    categories: [],
    active: true,
    starts_at: "2026-01-01T00:00:00.000Z",
    ends_at: null,
    max_redemptions: null,
    max_per_customer: null,
    redeemed: 0,
    version: 1,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}

/** Why a customer with 50 points cannot have it. */
function reasons(
  more: Partial<Reward>,
  { at = AT, redeemedByCustomer = 0, balance = 50 } = {},
): string[] {
  try {
    requireRedeemable(reward(more), { at, redeemedByCustomer, balance });
    return [];
  } catch (error) {
    if (error instanceof AppError) return error.errors.map(({ code }) => code);
    throw error;
  }
}

Deno.test("Exactly the points that it costs will do, and one less will not", () => {
  assertEquals(reasons({}), []);
  assertEquals(reasons({}, { balance: 49 }), ["insufficient_points"]);
  assertEquals(reasons({}, { balance: -1 }), ["insufficient_points"]);
});

Deno.test("Whoever comes too early, too late or too often is told why", () => {
  assertEquals(reasons({ active: false }), ["reward_inactive"]);
  assertEquals(reasons({ starts_at: NOW }, { at: JUST_BEFORE }), ["reward_not_started"]);
  assertEquals(reasons({ ends_at: NOW }), ["reward_expired"]);
  assertEquals(reasons({ max_redemptions: 3, redeemed: 3 }), ["reward_used_up"]);
  assertEquals(reasons({ max_redemptions: 4, redeemed: 3 }), []);
  assertEquals(reasons({ max_per_customer: 2 }, { redeemedByCustomer: 2 }), ["reward_used_before"]);
  assertEquals(reasons({ max_per_customer: 3 }, { redeemedByCustomer: 2 }), []);
});

Deno.test("A refusal says both what is wrong with the reward and how many points there are", () => {
  const late = reward({ ends_at: NOW });
  const refusal = assertThrows(
    () => requireRedeemable(late, { at: AT, redeemedByCustomer: 0, balance: 10 }),
    AppError,
  );
  assertEquals([refusal.code, refusal.errors], ["reward_refused", [
    { pointer: "", code: "reward_expired", message: "The reward Ten off has expired.", ends_at: NOW },
    {
      pointer: "",
      code: "insufficient_points",
      message: "It costs 50 points, and there are 10.",
      points: 50,
      balance: 10,
    },
  ]]);
  assertEquals(refusal.message, "The reward Ten off has expired. It costs 50 points, and there are 10.");
});

Deno.test("Customers and guests see a reward while it runs, staff always", () => {
  const [guest, customer, staff]: Actor[] = [
    { kind: "anonymous" },
    { kind: "user", userId: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", role: "customer" },
    { kind: "user", userId: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b21", role: "staff" },
  ];
  const cases: [Partial<Reward>, Date, boolean][] = [
    [{}, AT, true],
    [{ active: false }, AT, false],
    [{ starts_at: NOW }, JUST_BEFORE, false],
    [{ starts_at: NOW }, AT, true],
    [{ ends_at: NOW }, JUST_BEFORE, true],
    [{ ends_at: NOW }, AT, false],
    [{ max_redemptions: 1, redeemed: 1 }, AT, true],
  ];
  for (const [more, at, isOn] of cases) {
    const seen = [guest, customer, staff].map((actor) => maySee(actor!, reward(more), at));
    assertEquals(seen, [isOn, isOn, true], JSON.stringify(more));
  }
});

Deno.test("A code is R- and 12 of 32 letters and digits that nobody mistakes for others, and always another", () => {
  const codes = Array.from({ length: 1000 }, newCode);
  for (const code of codes) assertMatch(code, /^R-[0-9A-HJKMNP-TV-Z]{12}$/);
  assertEquals(new Set(codes).size, 1000);
  const used = new Set(codes.flatMap((code) => [...code.slice(2)]));
  assertEquals(used.size, 32, "all of them come up");
});
