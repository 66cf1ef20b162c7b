import type { z } from "@hono/zod-openapi";
import { type Ctx, isOwn, isStaff, whoseToList } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Page, toPage } from "../platform/page.ts";
import { findRedemption, findReward, listRedemptionRows, listRewardRows } from "./queries.ts";
import { maySee, type Reward, type RewardRedemption } from "./reward.ts";
import type { ListQuery, RedemptionsQuery } from "./schemas.ts";

/** @throws not_found, for customers also one that they cannot have now */
export async function getReward(ctx: Ctx, id: string): Promise<Reward> {
  const reward = await findReward(ctx.sql, id);
  if (!reward || !maySee(ctx.actor, reward, ctx.clock.now())) throw notFound("reward");
  return reward;
}

/** Those that can be had now; to staff all. Newest first. */
export async function listRewards(ctx: Ctx, filter: z.output<typeof ListQuery>): Promise<Page<Reward>> {
  const rows = await listRewardRows(ctx.sql, {
    ...filter,
    onAt: isStaff(ctx.actor) ? undefined : ctx.clock.now(),
    beforeId: filter.cursor?.[0],
  });
  return toPage(rows, filter.limit, ({ id }) => [id]);
}

/** The caller's redemptions, newest first; staff see everyone's. @throws forbidden for another user's */
export async function listRewardRedemptions(
  ctx: Ctx,
  { user_id, reward_id, cursor, limit }: z.output<typeof RedemptionsQuery>,
): Promise<Page<RewardRedemption>> {
  const rows = await listRedemptionRows(ctx.sql, {
    userId: whoseToList(ctx.actor, user_id, "rewards"),
    rewardId: reward_id,
    beforeId: cursor?.[0],
    limit,
  });
  return toPage(rows, limit, ({ id }) => [id]);
}

/** @throws not_found, also for another customer's */
export async function getRewardRedemption(ctx: Ctx, id: string): Promise<RewardRedemption> {
  const redemption = await findRedemption(ctx.sql, id);
  if (redemption && (isStaff(ctx.actor) || isOwn(ctx.actor, redemption.user_id))) return redemption;
  throw notFound("redemption");
}
