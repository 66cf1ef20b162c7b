import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type Page, toPage } from "../../platform/page.ts";
import type { Campaign, CampaignOrder } from "./campaign.ts";
import { findCampaign, listCampaignOrderRows, listCampaignRows } from "./queries.ts";
import type { ListQuery, OrdersQuery } from "./schemas.ts";

/** @throws not_found */
export async function getCampaign(ctx: Ctx, id: string): Promise<Campaign> {
  const campaign = await findCampaign(ctx.sql, id);
  if (!campaign) throw notFound("campaign");
  return campaign;
}

/** Newest first. */
export async function listCampaigns(ctx: Ctx, filter: z.output<typeof ListQuery>): Promise<Page<Campaign>> {
  const rows = await listCampaignRows(ctx.sql, { ...filter, beforeId: filter.cursor?.[0] });
  return toPage(rows, filter.limit, ({ id }) => [id]);
}

/** The orders that earned points by a campaign, newest first. @throws not_found */
export async function listCampaignOrders(
  ctx: Ctx,
  filter: { id: string } & z.output<typeof OrdersQuery>,
): Promise<Page<CampaignOrder>> {
  const rows = await listCampaignOrderRows(ctx.sql, { ...filter, beforeId: filter.cursor?.[0] });
  if (rows.length === 0) await getCampaign(ctx, filter.id);
  return toPage(rows, filter.limit, ({ order_id }) => [order_id]);
}
