import { z } from "@hono/zod-openapi";
import { cursor, Limit } from "../../http/pagination.ts";
import { Id, text, Timestamp } from "../../http/schemas.ts";

const MAX_ADJUSTMENT = 1_000_000_000;
const MAX_INT4 = 2_147_483_647;

export const PointsAccountSchema = z.object({
  user_id: Id,
  balance: z.int().openapi({
    description: "Below 0 where what earned them was refunded after they were spent",
    example: 52,
  }),
  version: z.int().openapi({ description: "Counts the movements", example: 3 }),
  updated_at: Timestamp.nullable().openapi({ description: "Null: there never were any" }),
}).openapi("PointsAccount");

export const PointsMovementSchema = z.object({
  user_id: Id,
  sequence: z.int().openapi({ description: "Its turn among the customer's", example: 3 }),
  kind: z.enum(["earned", "reversed", "redeemed", "adjusted"]).openapi({
    description:
      "earned by an order that was paid; reversed, as its money went back; redeemed for a reward; adjusted by staff",
  }),
  points: z.int().openapi({ description: "Negative: they are gone", example: 52 }),
  balance: z.int().openapi({ description: "After it", example: 52 }),
  order_id: Id.nullable().openapi({ description: "earned, reversed: by this order …" }),
  campaign_id: Id.nullable().openapi({ description: "… and this campaign" }),
  redemption_id: Id.nullable().openapi({ description: "redeemed: by this redemption" }),
  reason: z.string().nullable().openapi({ description: "adjusted: why" }),
  created_at: Timestamp,
}).openapi("PointsMovement");

export const MovementsQuery = z.strictObject({
  kind: PointsMovementSchema.shape.kind.optional().openapi({ description: "Only movements of this kind" }),
  cursor: cursor(z.tuple([z.int().min(1).max(MAX_INT4)])),
  limit: Limit,
});

export const AdjustPointsBody = z.strictObject({
  points: z.int().min(-MAX_ADJUSTMENT).max(MAX_ADJUSTMENT).refine((points) => points !== 0, "must not be 0")
    .openapi({ description: "So many more; negative: fewer, though never below 0", example: 100 }),
  reason: text(1, 500).openapi({
    description: "Why: the customer reads it",
    example: "The parcel came late",
  }),
}).openapi("AdjustPoints");

export const OrderPointsSchema = z.object({
  order_id: Id,
  points: z.int().openapi({ description: "What it has by all of them", example: 26 }),
  campaigns: z.array(
    z.object({
      campaign_id: Id,
      name: z.string().openapi({ example: "Double points in the kitchen" }),
      full_points: z.int().openapi({ description: "What it earned when it was paid", example: 52 }),
      points: z.int().openapi({ description: "What it has of them after its refunds", example: 26 }),
    }).openapi("OrderCampaignPoints"),
  ),
}).openapi("OrderPoints");
