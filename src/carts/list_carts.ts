import { type Ctx, whoseToList } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Cart } from "./cart.ts";
import { listCartRows } from "./queries.ts";

/** Which carts, newest first. */
export interface ListCarts {
  status: Cart["status"];
  user_id?: string;
  cursor?: [id: string];
  limit: number;
}

/** The caller's carts; staff see everyone's. @throws forbidden for another user's (who asks knows that id already) */
export async function listCarts(ctx: Ctx, filter: ListCarts): Promise<Page<Cart>> {
  const rows = await listCartRows(ctx.sql, {
    userId: whoseToList(ctx.actor, filter.user_id, "carts"),
    status: filter.status,
    beforeId: filter.cursor?.[0],
    limit: filter.limit,
  });
  return toPage(rows, filter.limit, ({ id }) => [id]);
}
