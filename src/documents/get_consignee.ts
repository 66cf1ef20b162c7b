import { findConsignee, type StoredConsignee } from "../consignees/mod.ts";
import { getReadableOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";

/** Who receives an order's goods, of which only the masks are for showing. @throws not_found */
export async function getConsignee(ctx: Ctx, orderId: string): Promise<StoredConsignee> {
  const order = await getReadableOrder(ctx, orderId);
  const stored = await findConsignee(ctx.sql, order.id);
  if (!stored) throw notFound("consignee");
  return stored;
}
