import { z } from "@hono/zod-openapi";
import { PageQuery } from "../http/pagination.ts";
import { Id, Timestamp } from "../http/schemas.ts";
import {
  Count,
  discount,
  eitherOff,
  newDiscount,
  newRunning,
  PromotionSchema,
  running,
} from "../promotions/mod.ts";

const MAX_VALID_DAYS = 3650;

/** What it costs and gives, for as long as it is there. */
const lasting = {
  points: Count.openapi({ description: "What it costs", example: 500 }),
  valid_days: z.int().min(1).max(MAX_VALID_DAYS).openapi({
    description: "Days of 24 hours that its coupon can be used",
    example: 90,
  }),
  ...discount,
};

export const RewardSchema = z.object({
  id: Id,
  ...running,
  ...lasting,
  redeemed: z.int().openapi({ description: "Times that it was redeemed", example: 17 }),
  version: z.int().openapi({ description: "Counts the changes; also the ETag", example: 1 }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Reward");

export const NewRewardBody = z.strictObject({
  ...newRunning,
  points: lasting.points,
  valid_days: lasting.valid_days.default(90),
  ...newDiscount,
}).refine(eitherOff.holds, eitherOff.error).openapi("CreateReward");

export const ChangeRewardBody = z.strictObject(running).partial().openapi("ChangeReward");

export const ListQuery = z.strictObject({
  active: z.enum(["true", "false"]).transform((value) => value === "true").optional().openapi({
    description: "Only those that are, or, for staff, are not",
  }),
  ...PageQuery.shape,
});

export const RedeemBody = z.strictObject({
  user_id: Id.optional().openapi({ description: "Staff only: whose points" }),
}).openapi("RedeemReward");

export const RewardRedemptionSchema = z.object({
  id: Id,
  reward_id: Id,
  user_id: Id,
  points: z.int().openapi({ description: "What it cost", example: 500 }),
  promotion_id: Id.openapi({ description: "The customer's own promotion …" }),
  coupon_code: PromotionSchema.shape.code.openapi({
    description: "… and its code: good once, for this customer alone",
    example: "R-7QK2MX9T4WBD",
  }),
  order_id: Id.nullable().openapi({
    description: "The order that has used the code; null: none has, or it was cancelled or has expired",
  }),
  created_at: Timestamp,
  expires_at: Timestamp.nullable().openapi({
    description: "Until when the code can be used; null: staff lifted it",
  }),
}).openapi("RewardRedemption");

export const RedemptionsQuery = z.strictObject({
  user_id: Id.optional().openapi({ description: "Whose; customers only ever see their own" }),
  reward_id: Id.optional().openapi({ description: "Only those of this reward" }),
  ...PageQuery.shape,
});
