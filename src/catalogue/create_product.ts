import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { productWasCreated } from "./events.ts";
import { newProduct, type Product, type ProductChanges } from "./product.ts";
import { insertProducts } from "./queries.ts";

/**
 * Adds a product; its stock level, at 0, comes with it.
 *
 * @throws sku_taken by a product whose SKU differs in case at the most
 */
export async function createProduct(
  ctx: Ctx,
  input: ProductChanges & { sku: string; name: string },
  idempotency?: Idempotency,
): Promise<Outcome<Product>> {
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const product = newProduct(newId(), ctx.clock.now(), input);
      const added = await insertProducts(tx, [product]);
      if (added.length === 0) throw skuTaken(product.sku);
      await appendEvents(tx, ctx, [productWasCreated(product)]);
      return product;
    }));
}

/** A SKU is one product whatever its case: MUG and mug side by side are a mix-up waiting to happen. */
export function skuTaken(sku: string): AppError {
  return new AppError("sku_taken", `There is a product with the SKU ${sku} already.`, {
    errors: [{
      pointer: "/sku",
      code: "sku_taken",
      message: "is taken, perhaps in another case; SKUs are unique",
    }],
  });
}
