import { z } from "@hono/zod-openapi";
import { ChangesSchema } from "../platform/changes.ts";
import { defineEvent } from "../platform/events.ts";
import { CampaignSchema } from "./campaigns/schemas.ts";
import { PointsMovementSchema } from "./points/schemas.ts";
import { RewardRedemptionSchema, RewardSchema } from "./schemas.ts";

const { redeemed: _, ...reward } = RewardSchema.shape;
/** A reward, as events tell it: how often it was redeemed is told by its redemptions. */
const ToldReward = z.object(reward);
const { order_id: __, ...redemption } = RewardRedemptionSchema.shape;
/** A redemption, as its event tells it: the coupon is new, and no order has used it. */
const ToldRedemption = z.object(redemption);

export const campaignCreated = defineEvent(
  "campaign.created",
  1,
  "campaign",
  "A campaign was added: orders earn points by it.",
  CampaignSchema,
);
/** The whole campaign as it is now, and what changed. */
export const campaignUpdated = defineEvent(
  "campaign.updated",
  1,
  "campaign",
  "A campaign changed: when or whether it runs.",
  z.object({ ...CampaignSchema.shape, changes: ChangesSchema }),
);

export const rewardCreated = defineEvent(
  "reward.created",
  1,
  "reward",
  "A reward was added: points can be redeemed for it.",
  ToldReward,
);
/** The whole reward as it is now, and what changed. */
export const rewardUpdated = defineEvent(
  "reward.updated",
  1,
  "reward",
  "A reward changed: when, how often or whether it can be had.",
  z.object({ ...reward, changes: ChangesSchema }),
);

export const rewardRedeemed = defineEvent(
  "reward_redemption.created",
  1,
  "reward_redemption",
  "A customer redeemed points for a reward: a coupon of their own.",
  ToldRedemption,
);

/** On the aggregate of the customer's points, whose sequence is that of their movements. */
export const pointsMoved = defineEvent(
  "points.moved",
  1,
  "points",
  "A customer's points came or went.",
  PointsMovementSchema,
);

export const REWARD_EVENTS = [
  campaignCreated,
  campaignUpdated,
  rewardCreated,
  rewardUpdated,
  rewardRedeemed,
  pointsMoved,
];
