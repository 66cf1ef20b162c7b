import { z } from "@hono/zod-openapi";
import { type Changes, ChangesSchema } from "../platform/changes.ts";
import { defineEvent, type NewEvent } from "../platform/events.ts";
import type { Promotion } from "./promotion.ts";
import { PromotionSchema } from "./schemas.ts";

const { redeemed: _, ...promotion } = PromotionSchema.shape;

/**
 * A promotion, as events tell it: how often it was redeemed is told by the quotes and orders that hold it. A schema of its own:
 * one that extends a named one requires in the contract what that does.
 */
const ToldPromotion = z.object({
  ...promotion,
  user_id: promotion.user_id.optional().openapi({
    description: "Left out in events from before there were promotions for one customer alone",
  }),
});

export const promotionCreated = defineEvent(
  "promotion.created",
  1,
  "promotion",
  "A promotion was added: its code takes something off of goods.",
  ToldPromotion,
);

/** The whole promotion as it is now, and what changed. */
export const promotionUpdated = defineEvent(
  "promotion.updated",
  1,
  "promotion",
  "A promotion changed: when, how often or whether its code can be used.",
  ToldPromotion.extend({ changes: ChangesSchema }),
);

export function promotionWasCreated(promotion: Promotion): NewEvent<typeof promotionCreated.schema> {
  return { event: promotionCreated, ...told(promotion), data: withoutUses(promotion) };
}

export function promotionWasChanged(
  promotion: Promotion,
  changes: Changes,
): NewEvent<typeof promotionUpdated.schema> {
  return { event: promotionUpdated, ...told(promotion), data: { ...withoutUses(promotion), changes } };
}

const told = ({ id, version, user_id }: Promotion) => ({
  aggregateId: id,
  sequence: version,
  userId: user_id,
});

function withoutUses({ redeemed: _, ...promotion }: Promotion): Omit<Promotion, "redeemed"> {
  return promotion;
}
