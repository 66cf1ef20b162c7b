import type { z } from "@hono/zod-openapi";
import { changesBetween } from "../platform/changes.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { withChanges } from "../promotions/mod.ts";
import { rewardUpdated } from "./events.ts";
import { lockReward, updateReward } from "./queries.ts";
import { type Reward, toldReward } from "./reward.ts";
import type { ChangeRewardBody } from "./schemas.ts";

/**
 * Changes when, how often or whether a reward can be had; what is left out stays. Where nothing differs,
 * version and event log stay as they are. Who redeemed it keeps what they have.
 *
 * @throws not_found, version_mismatch, invalid_request
 */
export async function changeReward(
  ctx: Ctx,
  input: { id: string; changes: z.output<typeof ChangeRewardBody>; expectedVersion?: number },
): Promise<Reward> {
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockReward(tx, input.id);
    if (!before) throw notFound("reward");
    requireVersion("reward", before.version, input.expectedVersion);
    const changed = withChanges(before, input.changes);
    const changes = changesBetween(before, changed);
    if (Object.keys(changes).length === 0) return before;
    const reward = { ...changed, version: before.version + 1, updated_at: ctx.clock.now().toISOString() };
    await updateReward(tx, reward);
    await appendEvents(tx, ctx, [{
      event: rewardUpdated,
      aggregateId: reward.id,
      sequence: reward.version,
      userId: null,
      data: { ...toldReward(reward), changes },
    }]);
    return reward;
  });
}
