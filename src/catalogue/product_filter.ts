import type { z } from "@hono/zod-openapi";
import { PRODUCT_STATUSES } from "./product.ts";
import type { ListQuery } from "./schemas.ts";

export const PRODUCT_SORTS = [
  "-created_at",
  "created_at",
  "name",
  "-name",
  "updated_at",
  "-updated_at",
  "price",
  "-price",
] as const;

export type ProductSort = typeof PRODUCT_SORTS[number];

export const STATUS_FILTERS = [...PRODUCT_STATUSES, "any"] as const;

/** Which products, and in what order. Amounts are in minor units of `currency`. */
export type ProductFilter = z.output<typeof ListQuery>;
/** Where a page ended: its sort, the last product's sort key (none for created_at, whose key is the id), its id. */
export type ProductPosition = NonNullable<ProductFilter["cursor"]>;
