import { getProduct } from "../catalogue/mod.ts";
import { type Ctx, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { readThrough } from "../platform/read_through.ts";
import type { StockLevel } from "./level.ts";
import { findLevel } from "./queries.ts";

/** How old a level may be when it is read, in milliseconds. Placing an order never reads it from here. */
export const LEVEL_TTL_MS = 30_000;

export const levelKey = (sku: string, location: string) => `inventory:${location}:${sku}`;

/** @throws not_found, of drafts to all but staff */
export async function getLevel(ctx: Ctx, sku: string, location: string): Promise<StockLevel> {
  if (!isStaff(ctx.actor)) await getProduct(ctx, sku);
  const read = await readThrough(ctx, levelKey(sku, location), LEVEL_TTL_MS, async () => {
    const found = await findLevel(ctx.sql, sku, location);
    return found && { version: found.version, value: found };
  });
  if (!read) throw notFound("SKU at this location");
  return read.value;
}

/** Puts a level that was just written into the cache, so that its writer reads it back. */
export async function rememberLevel(ctx: Ctx, level: StockLevel): Promise<void> {
  await ctx.cache.put(
    levelKey(level.sku, level.location),
    level.version,
    JSON.stringify(level),
    LEVEL_TTL_MS,
  );
}
