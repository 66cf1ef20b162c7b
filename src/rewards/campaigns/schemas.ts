import { z } from "@hono/zod-openapi";
import { PricesByCurrency } from "../../catalogue/mod.ts";
import { PageQuery } from "../../http/pagination.ts";
import { Id, Timestamp } from "../../http/schemas.ts";
import { goods, newGoods, newRunning, running } from "../../promotions/mod.ts";

/** So that what an order earns stays a number that JSON can hold. */
const MAX_POINTS = 1000;

const { name, active, starts_at, ends_at } = running;

/** What staff may change later. */
const changing = {
  name: name.openapi({ example: "Double points in the kitchen" }),
  active: active.openapi({ description: "False: orders that are first paid from now on earn nothing by it" }),
  starts_at: starts_at.openapi({
    description: "Orders that were placed before earn nothing by it; from now on unless said",
  }),
  ends_at: ends_at.openapi({ description: "Nor do those that were placed from then on; null: never" }),
};

/** What it gives, for as long as it is there. */
const lasting = {
  points: z.int().min(1).max(MAX_POINTS).openapi({ description: "So many points …", example: 2 }),
  per_amount: PricesByCurrency.min(1).refine(
    (amounts) => amounts.every(({ amount }) => amount > 0),
    "must be more than 0 in each currency",
  ).openapi({
    description:
      "… for so much of the goods that it applies to, after the discount and without shipping, duty and tax, rounded down " +
      "once for the whole order; in other currencies none",
  }),
  ...goods,
};

export const CampaignSchema = z.object({
  id: Id,
  ...changing,
  ...lasting,
  version: z.int().openapi({ description: "Counts the changes; also the ETag", example: 1 }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Campaign");

export const NewCampaignBody = z.strictObject({
  name: changing.name,
  active: newRunning.active,
  starts_at: newRunning.starts_at,
  ends_at: newRunning.ends_at,
  points: lasting.points,
  per_amount: lasting.per_amount,
  ...newGoods,
}).openapi("CreateCampaign");

export const ChangeCampaignBody = z.strictObject(changing).partial().openapi("ChangeCampaign");

export const ListQuery = z.strictObject({
  active: z.enum(["true", "false"]).transform((value) => value === "true").optional().openapi({
    description: "Only those that are, or are not",
  }),
  ...PageQuery.shape,
});

export const CampaignOrderSchema = z.object({
  order_id: Id,
  full_points: z.int().openapi({
    description: "What it earned when it was paid",
    example: 52,
  }),
  points: z.int().openapi({ description: "What it has of them after its refunds", example: 26 }),
}).openapi("CampaignOrder");

export const OrdersQuery = z.strictObject(PageQuery.shape);
