import { type ConsigneeView, consigneeView, findConsignee } from "../consignees/mod.ts";
import { getReadableOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";

/** Who receives an order's goods, masked. @throws not_found */
export async function getConsignee(ctx: Ctx, orderId: string): Promise<ConsigneeView> {
  const order = await getReadableOrder(ctx, orderId);
  const stored = await findConsignee(ctx.sql, order.id);
  if (!stored) throw notFound("consignee");
  return consigneeView(stored);
}
