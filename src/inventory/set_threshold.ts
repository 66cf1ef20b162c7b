import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { levelChanged } from "./events.ts";
import { rememberLevel } from "./get_level.ts";
import type { StockLevel } from "./level.ts";
import { lockLevel, updateThreshold } from "./queries.ts";

/**
 * Sets from how few available units on a level counts as low; null for never.
 *
 * @throws not_found, version_mismatch
 */
export async function setThreshold(
  ctx: Ctx,
  input: { sku: string; location: string; low_stock_threshold: number | null; expectedVersion?: number },
): Promise<StockLevel> {
  const level = await transaction(ctx.sql, async (tx) => {
    const before = await lockLevel(tx, input.sku, input.location);
    if (!before) throw notFound("SKU at this location");
    requireVersion("level", before.version, input.expectedVersion);
    if (before.low_stock_threshold === input.low_stock_threshold) return before;
    const after = await updateThreshold(tx, ctx, input);
    await appendEvents(tx, ctx, [levelChanged(after, { kind: "threshold", on_hand_delta: 0 })]);
    return after;
  });
  await rememberLevel(ctx, level);
  return level;
}
