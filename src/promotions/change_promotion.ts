import type { z } from "@hono/zod-openapi";
import { changesBetween } from "../platform/changes.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { promotionWasChanged } from "./events.ts";
import type { Promotion } from "./promotion.ts";
import { lockPromotion, updatePromotion } from "./queries.ts";
import { withChanges } from "./running.ts";
import type { ChangePromotionBody } from "./schemas.ts";

type PromotionChanges = z.output<typeof ChangePromotionBody>;

/**
 * Changes when, how often or whether a promotion can be used; what is left out stays. Where nothing differs, version and
 * event log stay as they are.
 *
 * @throws not_found, version_mismatch, invalid_request
 */
export async function changePromotion(
  ctx: Ctx,
  input: { id: string; changes: PromotionChanges; expectedVersion?: number },
): Promise<Promotion> {
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockPromotion(tx, input.id);
    if (!before) throw notFound("promotion");
    requireVersion("promotion", before.version, input.expectedVersion);
    const changed = withChanges(before, input.changes);
    const changes = changesBetween(before, changed);
    if (Object.keys(changes).length === 0) return before;
    const promotion = {
      ...changed,
      version: before.version + 1,
      updated_at: ctx.clock.now().toISOString(),
    };
    await updatePromotion(tx, promotion);
    await appendEvents(tx, ctx, [promotionWasChanged(promotion, changes)]);
    return promotion;
  });
}
