import type { z } from "@hono/zod-openapi";
import { getUser } from "../../identity/mod.ts";
import { getReadableOrder } from "../../orders/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import { type Page, toPage } from "../../platform/page.ts";
import type { PointsAccount, PointsMovement, PointsOfOrder } from "./account.ts";
import { findAccount, listMovementRows, listOrderPoints } from "./queries.ts";
import type { MovementsQuery } from "./schemas.ts";

/** One's own points; for staff, anybody's. @throws not_found */
export async function getPoints(ctx: Ctx, userId: string): Promise<PointsAccount> {
  const { id } = await getUser(ctx, userId);
  return await findAccount(ctx.sql, id) ?? { user_id: id, balance: 0, version: 0, updated_at: null };
}

/** How they came and went, newest first. @throws not_found */
export async function listMovements(
  ctx: Ctx,
  { id, kind, cursor, limit }: { id: string } & z.output<typeof MovementsQuery>,
): Promise<Page<PointsMovement>> {
  const user = await getUser(ctx, id);
  const rows = await listMovementRows(ctx.sql, { userId: user.id, kind, before: cursor?.[0], limit });
  return toPage(rows, limit, ({ sequence }) => [sequence]);
}

/** What an order earned, by campaign. @throws not_found */
export async function getOrderPoints(ctx: Ctx, orderId: string): Promise<PointsOfOrder> {
  const order = await getReadableOrder(ctx, orderId);
  const campaigns = await listOrderPoints(ctx.sql, order.id);
  return {
    order_id: order.id,
    points: campaigns.reduce((sum, { points }) => sum + points, 0),
    campaigns,
  };
}
