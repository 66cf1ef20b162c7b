import { PRODUCT_STATUSES } from "./product.ts";

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

/** Where a page ended: its sort, the last product's sort key (none for created_at, whose key is the id), its id. */
export type ProductPosition = [sort: ProductSort, id: string] | [
  sort: ProductSort,
  key: string | number,
  id: string,
];

/** Which products, and in what order. Amounts are in minor units of `currency`. */
export interface ProductFilter {
  q?: string;
  category?: string;
  status: typeof STATUS_FILTERS[number];
  currency?: string;
  price_min?: number;
  price_max?: number;
  country_of_origin?: string;
  /** The first digits. */
  hs_code?: string;
  updated_since?: string;
  sort: ProductSort;
  limit: number;
  cursor?: ProductPosition;
}
