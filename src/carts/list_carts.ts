import type { z } from "@hono/zod-openapi";
import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { type Page, toPageOfLines } from "../platform/page.ts";
import type { Cart } from "./cart.ts";
import { listCartRows } from "./queries.ts";
import type { ListQuery } from "./schemas.ts";

/** The caller's carts, newest first; staff see everyone's. @throws forbidden for another user's (who asks knows that id already) */
export async function listCarts(ctx: Ctx, filter: z.infer<typeof ListQuery>): Promise<Page<Cart>> {
  const rows = await listCartRows(ctx.sql, {
    userId: whoseToList(ctx.actor, filter.user_id, "carts"),
    status: filter.status,
    beforeId: filter.cursor?.[0],
    limit: filter.limit,
  });
  return toPageOfLines(rows, filter.limit, ({ id }) => [id]);
}
