import { type Changes, changesBetween } from "../platform/changes.ts";
import { mergeEntries } from "../platform/entries.ts";

export const PRODUCT_STATUSES = ["draft", "active", "archived"] as const;

/** draft: only staff see it. active: for sale. archived: no longer for sale, still there for those who know it. */
export type ProductStatus = typeof PRODUCT_STATUSES[number];

/** `amount` in minor units of `currency` (ISO 4217). */
export interface Price {
  currency: string;
  amount: number;
}

/** Something that can be sold, as the database, the cache and the wire have it. */
export interface Product {
  id: string;
  sku: string;
  name: string;
  description: string;
  category: string | null;
  /** In the order of their currencies, one each. */
  prices: Price[];
  weight_grams: number | null;
  /** Digits of the Harmonized System code. */
  hs_code: string | null;
  /** ISO 3166-1 alpha-2. */
  country_of_origin: string | null;
  status: ProductStatus;
  attributes: Record<string, string | number | boolean>;
  version: number;
  created_at: string;
  updated_at: string;
}

/**
 * What to change. An absent field stays, null clears it. `prices` replaces the list; `attributes` are merged, and
 * null removes one.
 */
export interface ProductChanges {
  name?: string;
  description?: string | null;
  category?: string | null;
  prices?: Price[] | null;
  weight_grams?: number | null;
  hs_code?: string | null;
  country_of_origin?: string | null;
  status?: ProductStatus;
  attributes?: Record<string, string | number | boolean | null> | null;
}

/** Is this an id? If not it is a SKU: none may look like a UUID. */
export function isProductId(ref: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(ref);
}

/** Version 1 of a product. @throws invalid_request */
export function newProduct(
  id: string,
  now: Date,
  input: ProductChanges & { sku: string; name: string },
): Product {
  const blank: Product = {
    id,
    sku: input.sku,
    name: input.name,
    description: "",
    category: null,
    prices: [],
    weight_grams: null,
    hs_code: null,
    country_of_origin: null,
    status: "active",
    attributes: {},
    version: 1,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
  };
  return applyChanges(blank, input);
}

/**
 * The next version of a product and how it differs. Where nothing does, `changes` is empty and the version stays.
 *
 * @throws invalid_request
 */
export function changedProduct(
  before: Product,
  now: Date,
  input: ProductChanges,
): { product: Product; changes: Changes } {
  const product = applyChanges(before, input);
  const changes = changesBetween(before, product);
  if (Object.keys(changes).length === 0) return { product: before, changes };
  return { product: { ...product, version: before.version + 1, updated_at: now.toISOString() }, changes };
}

/** Prices after a change by currency: null takes that currency's price away, the other currencies stay. */
export function mergePrices(before: Price[], changes: Record<string, number | null>): Price[] {
  return [
    ...before.filter(({ currency }) => !Object.hasOwn(changes, currency)),
    ...Object.entries(changes).flatMap(([currency, amount]) => amount === null ? [] : [{ currency, amount }]),
  ];
}

function applyChanges(before: Product, input: ProductChanges): Product {
  return {
    ...before,
    name: input.name ?? before.name,
    description: input.description === undefined ? before.description : input.description ?? "",
    category: input.category === undefined ? before.category : input.category,
    prices: input.prices === undefined ? before.prices : sortPrices(input.prices ?? []),
    weight_grams: input.weight_grams === undefined ? before.weight_grams : input.weight_grams,
    hs_code: input.hs_code === undefined ? before.hs_code : input.hs_code,
    country_of_origin: input.country_of_origin === undefined
      ? before.country_of_origin
      : input.country_of_origin,
    status: input.status ?? before.status,
    attributes: input.attributes === undefined
      ? before.attributes
      : input.attributes === null
      ? {}
      : mergeEntries("attributes", before.attributes, input.attributes),
  };
}

function sortPrices(prices: Price[]): Price[] {
  return prices.toSorted((a, b) => a.currency < b.currency ? -1 : 1);
}
