import type { z } from "@hono/zod-openapi";
import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { type Page, toPageOfLines } from "../platform/page.ts";
import { listOrderRows } from "./list_queries.ts";
import type { Order } from "./order.ts";
import type { ListQuery } from "./schemas.ts";

/** Which orders, in which order. All filters must hold; times are half-open, `from` ≤ t < `to`. */
export type ListOrders = z.infer<typeof ListQuery>;

/**
 * The caller's orders; staff see everyone's.
 *
 * @throws forbidden for another user's (who asks knows that id already), invalid_request for a cursor of another sort
 */
export async function listOrders(ctx: Ctx, filter: ListOrders): Promise<Page<Order>> {
  const { cursor } = filter;
  const byPlacedTime = filter.placed_from !== undefined || filter.placed_to !== undefined;
  const sort = filter.sort ?? (byPlacedTime ? "-placed_at" : "-created_at");
  const byPlacing = sort === "placed_at" || sort === "-placed_at";
  if (byPlacedTime && !byPlacing) {
    throw new AppError("invalid_request", "A filter by when orders were placed goes with a sort by it.", {
      errors: [{
        pointer: "query/sort",
        code: "invalid",
        message: "must be -placed_at or placed_at, or left out",
      }],
    });
  }
  if (cursor && (cursor[0] !== sort || cursor.length !== (byPlacing ? 3 : 2))) {
    throw new AppError("invalid_request", "The cursor is of a list with another sort.", {
      errors: [{
        pointer: "query/cursor",
        code: "invalid",
        message: "must be used with the sort it came from",
      }],
    });
  }
  const rows = await listOrderRows(ctx.sql, {
    ...filter,
    sort,
    user_id: whoseToList(ctx.actor, filter.user_id, "orders"),
  });
  return toPageOfLines(
    rows,
    filter.limit,
    (last) => byPlacing ? [sort, last.placed_at, last.id] : [sort, last.id],
  );
}
