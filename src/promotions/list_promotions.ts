import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Page, toPage } from "../platform/page.ts";
import { codeOf, type Promotion, type Redemption } from "./promotion.ts";
import { findPromotion, listPromotionRows, listRedemptionRows } from "./queries.ts";
import type { ListQuery, RedemptionsQuery } from "./schemas.ts";

/** @throws not_found */
export async function getPromotion(ctx: Ctx, id: string): Promise<Promotion> {
  const promotion = await findPromotion(ctx.sql, id);
  if (!promotion) throw notFound("promotion");
  return promotion;
}

/** Newest first. */
export async function listPromotions(
  ctx: Ctx,
  filter: z.output<typeof ListQuery>,
): Promise<Page<Promotion>> {
  const rows = await listPromotionRows(ctx.sql, {
    code: filter.code && codeOf(filter.code),
    user_id: filter.user_id,
    active: filter.active,
    beforeId: filter.cursor?.[0],
    limit: filter.limit,
  });
  return toPage(rows, filter.limit, ({ id }) => [id]);
}

/** Every use of a promotion, newest first, also those that were given back. @throws not_found */
export async function listRedemptions(
  ctx: Ctx,
  filter: { id: string } & z.output<typeof RedemptionsQuery>,
): Promise<Page<Redemption>> {
  const rows = await listRedemptionRows(ctx.sql, { ...filter, beforeId: filter.cursor?.[0] });
  if (rows.length === 0) await getPromotion(ctx, filter.id);
  return toPage(rows, filter.limit, ({ id }) => [Number(id)]);
}
