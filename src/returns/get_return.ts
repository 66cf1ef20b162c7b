import type { z } from "@hono/zod-openapi";
import { getReadableOrder, mayReadOrder } from "../orders/mod.ts";
import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type AskedPage, type Page, toPage } from "../platform/page.ts";
import { findReturn, listReturnRows, listReturnsOfOrder } from "./queries.ts";
import type { Return } from "./return.ts";
import type { ListQuery } from "./schemas.ts";

/** @throws not_found, also for one of another's order */
export async function getReturn(ctx: Ctx, id: string): Promise<Return> {
  const found = await findReturn(ctx.sql, id);
  if (!found || !await mayReadOrder(ctx, found.order_id)) throw notFound("return");
  return found;
}

/**
 * An order's returns, oldest first: by pages, as its customer may ask and cancel as often as they like.
 *
 * @throws not_found, also for another's order
 */
export async function listOrderReturns(
  ctx: Ctx,
  { id, cursor, limit }: { id: string } & AskedPage,
): Promise<Page<Return>> {
  const order = await getReadableOrder(ctx, id);
  const rows = await listReturnsOfOrder(ctx.sql, { orderId: order.id, afterId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}

/** The returns of the caller's orders; staff see everyone's. @throws forbidden for another user's */
export async function listReturns(
  ctx: Ctx,
  { cursor, ...filter }: z.output<typeof ListQuery>,
): Promise<Page<Return>> {
  const user_id = whoseToList(ctx.actor, filter.user_id, "returns");
  const rows = await listReturnRows(ctx.sql, { ...filter, user_id, beforeId: cursor?.[0] });
  return toPage(rows, filter.limit, (last) => [last.id]);
}
