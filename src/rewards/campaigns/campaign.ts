import type { z } from "@hono/zod-openapi";
import { goodsOf } from "../../promotions/mod.ts";
import type { CampaignOrderSchema, CampaignSchema } from "./schemas.ts";

/** A campaign as it is kept, answered and told in events. */
export type Campaign = z.output<typeof CampaignSchema>;
export type CampaignOrder = z.output<typeof CampaignOrderSchema>;

/** What of a campaign says how many points an order earns. */
export type Earning = Pick<Campaign, "points" | "per_amount" | "skus" | "categories">;

/** A line of an order, as far as points go: its total is what its goods cost after the discount, in minor units. */
export interface EarningLine {
  sku: string;
  category: string | null;
  line_total: number;
}

/** How many points an order earns by a campaign with all of its money there: rounded down, once. Pure. */
export function pointsFor(
  { points, per_amount, skus, categories }: Earning,
  currency: string,
  lines: readonly EarningLine[],
): number {
  const per = per_amount.find((each) => each.currency === currency);
  if (!per) return 0;
  const isMeant = goodsOf({ skus, categories });
  const worth = lines.filter(isMeant).reduce((sum, { line_total }) => sum + line_total, 0);
  return Number(BigInt(worth) * BigInt(points) / BigInt(per.amount));
}
