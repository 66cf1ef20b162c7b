import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { periodOf } from "../promotions/mod.ts";
import { rewardCreated } from "./events.ts";
import { insertReward } from "./queries.ts";
import { type Reward, toldReward } from "./reward.ts";
import type { NewRewardBody } from "./schemas.ts";

/** Adds a reward, which can be had from now on unless its input says otherwise. @throws invalid_request */
export async function createReward(
  ctx: Ctx,
  input: z.output<typeof NewRewardBody>,
  idempotency?: Idempotency,
): Promise<Outcome<Reward>> {
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const now = ctx.clock.now().toISOString();
      const reward = await insertReward(tx, {
        ...input,
        ...periodOf({ ...input, starts_at: input.starts_at ?? now }, "ends_at"),
        id: newId(),
        redeemed: 0,
        version: 1,
        created_at: now,
        updated_at: now,
      });
      await appendEvents(tx, ctx, [{
        event: rewardCreated,
        aggregateId: reward.id,
        sequence: 1,
        userId: null,
        data: toldReward(reward),
      }]);
      return reward;
    }));
}
