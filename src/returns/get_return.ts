import { findOrder, getOrder, mayRead } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { type Page, toPage } from "../platform/page.ts";
import { findReturn, listReturnRows, listReturnsOfOrder } from "./queries.ts";
import type { Return, ReturnStatus } from "./return.ts";

/** @throws not_found, also for one of another's order */
export async function getReturn(ctx: Ctx, id: string): Promise<Return> {
  const found = await findReturn(ctx.sql, id);
  const order = found && await findOrder(ctx.sql, found.order_id);
  if (!order || !mayRead(ctx.actor, order)) throw notFound("return");
  return found!;
}

/** An order's returns, oldest first. @throws not_found, also for another's order */
export async function listOrderReturns(ctx: Ctx, orderId: string): Promise<Return[]> {
  const { value: order } = await getOrder(ctx, orderId);
  return await listReturnsOfOrder(ctx.sql, order.id);
}

/** Everybody's returns, newest first: staff's list of what is to be done. */
export async function listReturns(
  ctx: Ctx,
  { cursor, ...filter }: { status?: ReturnStatus; cursor?: [string]; limit: number },
): Promise<Page<Return>> {
  const rows = await listReturnRows(ctx.sql, { ...filter, beforeId: cursor?.[0] });
  return toPage(rows, filter.limit, (last) => [last.id]);
}
