import { z } from "@hono/zod-openapi";
import { ChangesSchema } from "../platform/changes.ts";
import { defineEvent } from "../platform/events.ts";
import { CartSchema } from "./schemas.ts";

/** The whole cart. Its `sequence`, like that of all its events, is the cart's version. */
export const cartCreated = defineEvent("cart.created", 1, "cart", "A cart was created.", CartSchema);

/**
 * The cart without its lines, and what changed; a line as `items/SKU`, null where it was not there or is not any
 * more. New lines stand at the end, several that came at once in the order of `added`: the keys of what changed have none
 * in the log. Replaying these over the first gives the row.
 */
export const cartUpdated = defineEvent(
  "cart.updated",
  1,
  "cart",
  "A cart changed.",
  CartSchema.omit({ items: true }).extend({
    changes: ChangesSchema.openapi({
      description:
        "What changed, field by field; a line as `items/<sku>`, null where it was not there or is not any more. New lines " +
        "stand at the end",
    }),
    added: z.array(z.string()).optional().openapi({
      description:
        "SKUs of the new lines in their order, where several came at once, by a merge; left out else",
    }),
  }),
);

/** The whole cart as it ended. */
const Closed = CartSchema.extend({ changes: ChangesSchema });

export const cartMerged = defineEvent(
  "cart.merged",
  1,
  "cart",
  "A guest's cart was merged into that of the user who the guest turned out to be.",
  Closed,
);
export const cartExpired = defineEvent(
  "cart.expired",
  1,
  "cart",
  "A cart was given up, or left alone for too long.",
  Closed,
);
export const cartCheckedOut = defineEvent("cart.checked_out", 1, "cart", "A cart became an order.", Closed);
