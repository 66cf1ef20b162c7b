import { findConsignee, type StoredConsignee } from "../consignees/mod.ts";
import { getOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";

/** Who receives an order's goods, of which only the masks are for showing. @throws not_found */
export async function getConsignee(ctx: Ctx, orderId: string): Promise<StoredConsignee> {
  const { value: order } = await getOrder(ctx, orderId);
  // How the order was read says nothing of this answer.
  ctx.cacheStatus = undefined;
  const stored = await findConsignee(ctx.sql, order.id);
  if (!stored) throw notFound("consignee");
  return stored;
}
