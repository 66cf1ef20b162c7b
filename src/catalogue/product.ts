import type { z } from "@hono/zod-openapi";
import { type Changes, changesBetween } from "../platform/changes.ts";
import { mergeEntries } from "../platform/entries.ts";
import type { ChangeProductBody, ListQuery, ProductSchema } from "./schemas.ts";

export const PRODUCT_STATUSES = ["draft", "active", "archived"] as const;

/** Something that can be sold, as the database, the cache and the wire have it. */
export type Product = z.output<typeof ProductSchema>;
type Price = Product["prices"][number];

/**
 * What to change. An absent field stays, null clears it. `prices` replaces the list; `attributes` are merged, and
 * null removes one.
 */
export type ProductChanges = z.output<typeof ChangeProductBody>;

/** Which products, and in what order. Amounts are in minor units of `currency`. */
export type ProductFilter = z.output<typeof ListQuery>;

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

function applyChanges(before: Product, changes: ProductChanges): Product {
  const {
    name = before.name,
    description = before.description,
    category = before.category,
    prices = before.prices,
    weight_grams = before.weight_grams,
    hs_code = before.hs_code,
    country_of_origin = before.country_of_origin,
    status = before.status,
    attributes = {},
  } = changes;
  return {
    ...before,
    name,
    description: description ?? "",
    category,
    prices: sortPrices(prices ?? []),
    weight_grams,
    hs_code,
    country_of_origin,
    status,
    attributes: attributes === null ? {} : mergeEntries("attributes", before.attributes, attributes),
  };
}

function sortPrices(prices: Price[]): Price[] {
  return prices.toSorted((a, b) => a.currency < b.currency ? -1 : 1);
}
