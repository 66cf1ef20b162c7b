import type { z } from "@hono/zod-openapi";
import { type Ctx, isStaff, requireStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Page, toPage } from "../platform/page.ts";
import { keyOfList, readList } from "../platform/read_through.ts";
import { LEVEL_TTL_MS } from "./get_level.ts";
import { DEFAULT_LOCATION, type Movement, type StockLevel } from "./level.ts";
import { findLevel, listLevels, listMovements } from "./queries.ts";
import type { ListQuery, MovementsQuery } from "./schemas.ts";

/**
 * Levels in the order of their SKUs, at most 30 s old. Only staff see those of drafts.
 *
 * @throws unauthenticated, forbidden for all but staff who name no SKUs
 */
export async function listStock(ctx: Ctx, filter: z.output<typeof ListQuery>): Promise<Page<StockLevel>> {
  const drafts = isStaff(ctx.actor);
  if (filter.skus === undefined) {
    requireStaff(ctx.actor, "Only staff may list the levels of all SKUs; others name theirs in `skus`.");
  }
  const key = keyOfList("inventory:list", { drafts, ...filter });
  return await readList(ctx, key, LEVEL_TTL_MS, async () => {
    const rows = await listLevels(ctx.sql, {
      location: DEFAULT_LOCATION,
      drafts,
      lowStock: filter.low_stock,
      skus: filter.skus,
      skuPrefix: filter.sku_prefix,
      afterSku: filter.cursor?.[0],
      limit: filter.limit,
    });
    return toPage(rows, filter.limit, (last) => [last.sku]);
  });
}

/** A SKU's movements, newest first. @throws not_found */
export async function listStockMovements(
  ctx: Ctx,
  filter: { sku: string } & z.output<typeof MovementsQuery>,
): Promise<Page<Movement>> {
  const rows = await listMovements(ctx.sql, { ...filter, beforeVersion: filter.cursor?.[0] });
  if (rows.length === 0 && !await findLevel(ctx.sql, filter.sku, filter.location)) {
    throw notFound("SKU at this location");
  }
  return toPage(rows, filter.limit, (last) => [last.version]);
}
