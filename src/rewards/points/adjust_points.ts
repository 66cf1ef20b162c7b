import { getUser } from "../../identity/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { invalidRequest } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import { type Idempotency, once, type Outcome } from "../../platform/idempotency.ts";
import { move, movementTold, type PointsMovement } from "./account.ts";
import { lockAccounts, writeMovements } from "./queries.ts";

/** Gives a customer points, or takes some that are there. @throws not_found, invalid_request */
export async function adjustPoints(
  ctx: Ctx,
  { userId, points, reason }: { userId: string; points: number; reason: string },
  idempotency: Idempotency | undefined,
): Promise<Outcome<PointsMovement>> {
  await getUser(ctx, userId);
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const [before] = await lockAccounts(tx, [userId]);
      const created_at = ctx.clock.now().toISOString();
      const [movement, account] = move(before!, { kind: "adjusted", points, reason, created_at });
      if (points < 0 && account.balance < 0) throw tooFew(before!.balance);
      await writeMovements(tx, [movement], [account]);
      await appendEvents(tx, ctx, [movementTold(movement)]);
      return movement;
    }));
}

function tooFew(balance: number) {
  const message = balance > 0
    ? `must be at least ${-balance}: there are no more`
    : "must be more than 0: there are none";
  return invalidRequest([{ pointer: "/points", code: "insufficient_points", message, balance }]);
}
