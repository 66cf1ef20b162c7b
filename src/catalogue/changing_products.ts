import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx } from "../platform/db.ts";
import { forgetProducts } from "./get_product.ts";
import type { Product } from "./product.ts";

/**
 * Runs a transaction that changes products. Where the connection was lost nobody knows whether it was committed: then the
 * cache has none of their older versions. Else the caller lets it follow.
 *
 * @param work tells `written` of products before it writes them
 */
export async function changingProducts<T>(
  ctx: Ctx,
  work: (tx: Tx, written: (products: Product[]) => void) => Promise<T>,
): Promise<T> {
  let products: Product[] = [];
  return await transaction(ctx.sql, (tx) => work(tx, (changed) => products = changed))
    .catch(async (error) => {
      await forgetProducts(ctx, products);
      throw error;
    });
}
