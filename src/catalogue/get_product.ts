import { type Ctx, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { readThrough } from "../platform/read_through.ts";
import type { Product } from "./product.ts";
import { findProduct } from "./queries.ts";

/** How long a product may be read from the cache, in milliseconds. Changes are put there at once. */
const PRODUCT_TTL_MS = 300_000;

/** Where a product is cached: under its id and under its SKU. No SKU looks like an id. */
export const productKey = (ref: string) => `products:${ref}`;

/** A product by id or SKU. Archived ones too: orders refer to them. @throws not_found, for drafts to all but staff */
export async function getProduct(ctx: Ctx, ref: string): Promise<Product> {
  const read = await readThrough(ctx, productKey(ref), PRODUCT_TTL_MS, async () => {
    const found = await findProduct(ctx.sql, ref);
    return found && { version: found.version, value: found };
  });
  const product = read?.value;
  if (product && (product.status !== "draft" || isStaff(ctx.actor))) return product;
  // Whether it was in the cache would tell a stranger that there is a draft.
  ctx.cacheStatus = undefined;
  throw notFound("product");
}

/** Puts a version that was just committed under both keys, so that it is seen at once. */
export async function rememberProduct(ctx: Ctx, product: Product): Promise<void> {
  const value = JSON.stringify(product);
  await Promise.all(
    [product.id, product.sku].map((ref) =>
      ctx.cache.put(productKey(ref), product.version, value, PRODUCT_TTL_MS)
    ),
  );
}

const FORGET_AT_ONCE = 25;

/** The same for many: drops the older versions, and leaves it to the next reader to fetch these. */
export async function forgetProducts(ctx: Ctx, products: Product[]): Promise<void> {
  for (let i = 0; i < products.length; i += FORGET_AT_ONCE) {
    await Promise.all(
      products.slice(i, i + FORGET_AT_ONCE).flatMap(({ id, sku, version }) =>
        [id, sku].map((ref) => ctx.cache.drop(productKey(ref), version, PRODUCT_TTL_MS))
      ),
    );
  }
}
