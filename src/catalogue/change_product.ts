import type { Ctx } from "../platform/ctx.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { changingProducts } from "./changing_products.ts";
import { productWasChanged } from "./events.ts";
import { rememberProduct } from "./get_product.ts";
import { changedProduct, type Product, type ProductChanges } from "./product.ts";
import { findProduct, lockProduct, updateProducts } from "./queries.ts";

/**
 * Changes a product; archiving it and bringing it back are changes of its status. Where nothing differs, version
 * and event log stay as they are.
 *
 * @throws not_found, version_mismatch, invalid_request
 */
export async function changeProduct(
  ctx: Ctx,
  input: { ref: string; changes: ProductChanges; expectedVersion?: number },
): Promise<Product> {
  const product = await changingProducts(ctx, async (tx, written) => {
    const before = await lockProduct(tx, input.ref) ? await findProduct(tx, input.ref) : undefined;
    if (!before) throw notFound("product");
    requireVersion("product", before.version, input.expectedVersion);
    const { product, changes } = changedProduct(before, ctx.clock.now(), input.changes);
    if (product === before) return before;
    written([product]);
    await updateProducts(tx, [product]);
    await appendEvents(tx, ctx, [productWasChanged(product, changes)]);
    return product;
  });
  await rememberProduct(ctx, product);
  return product;
}
