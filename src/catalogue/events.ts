import { type Changes, ChangesSchema } from "../platform/changes.ts";
import { defineEvent, type NewEvent } from "../platform/events.ts";
import type { Product } from "./product.ts";
import { ProductSchema } from "./schemas.ts";

/** The whole product, as it was first answered. */
export const productCreated = defineEvent(
  "product.created",
  1,
  "product",
  "A product was added to the catalogue.",
  ProductSchema,
);

/** The whole product as it is now, and what changed. */
export const productUpdated = defineEvent(
  "product.updated",
  1,
  "product",
  "A product changed, or was archived.",
  ProductSchema.extend({ changes: ChangesSchema }),
);

export function productWasCreated(product: Product): NewEvent<typeof productCreated.schema> {
  return {
    event: productCreated,
    aggregateId: product.id,
    sequence: product.version,
    userId: null,
    data: product,
  };
}

export function productWasChanged(
  product: Product,
  changes: Changes,
): NewEvent<typeof productUpdated.schema> {
  return {
    event: productUpdated,
    aggregateId: product.id,
    sequence: product.version,
    userId: null,
    data: { ...product, changes },
  };
}
