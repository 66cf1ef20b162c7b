import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { move, movementTold, type PointsAccount, type PointsMovement } from "./account.ts";

const NONE: PointsAccount = { user_id: "user", balance: 0, version: 0, updated_at: null };
const AT = "2026-11-20T12:00:00.000Z";

Deno.test("A movement is the account's next, says what it has after it, and of its cause only what there is", () => {
  const earned = {
    kind: "earned",
    points: 52,
    order_id: "order",
    campaign_id: "campaign",
    created_at: AT,
  } as const;
  const [movement, account] = move(NONE, earned);
  assertEquals(movement, {
    ...earned,
    user_id: "user",
    sequence: 1,
    balance: 52,
    redemption_id: null,
    reason: null,
  });
  assertEquals(account, { user_id: "user", balance: 52, version: 1, updated_at: AT });

  const later = "2026-11-21T12:00:00.000Z";
  const [next, after] = move(account, { kind: "adjusted", points: -60, reason: "Late", created_at: later });
  assertEquals([next.sequence, next.balance, next.reason, next.order_id], [2, -8, "Late", null]);
  assertEquals(after, { user_id: "user", balance: -8, version: 2, updated_at: later });
});

Deno.test("For all movements, one after the other: the balance is their sum, and their sequence has no gap", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 20 }), (all) => {
    let account = NONE;
    const movements: PointsMovement[] = [];
    for (const points of all) {
      const [movement, after] = move(account, { kind: "adjusted", points, reason: "Test", created_at: AT });
      assertEquals(movement.balance, account.balance + points);
      movements.push(movement);
      account = after;
    }
    assertEquals(account.balance, all.reduce((sum, points) => sum + points, 0));
    assertEquals(movements.map(({ sequence }) => sequence), all.map((_, i) => i + 1));
    assertEquals(account.version, all.length);
  }));
});

Deno.test("A movement is told as it is, in its turn among its customer's and to them alone", () => {
  const [movement] = move({ ...NONE, balance: 3, version: 4 }, {
    kind: "redeemed",
    points: -2,
    redemption_id: "redemption",
    created_at: AT,
  });
  const { event, ...told } = movementTold(movement);
  assertEquals(event.type, "points.moved");
  assertEquals(told, { aggregateId: "user", sequence: 5, userId: "user", data: movement, at: AT });
});
