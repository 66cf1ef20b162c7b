import { ChangesSchema } from "../platform/changes.ts";
import { defineEvent } from "../platform/events.ts";
import { PromotionSchema } from "./schemas.ts";

/** How often a promotion was redeemed is told by the quotes and orders that hold it, not here. */
const ToldPromotion = PromotionSchema.omit({ redeemed: true });

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
