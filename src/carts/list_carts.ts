import { type Actor, type Ctx, isStaff } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
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
    userId: whose(ctx.actor, filter.user_id),
    status: filter.status,
    beforeId: filter.cursor?.[0],
    limit: filter.limit,
  });
  return toPage(rows, filter.limit, ({ id }) => [id]);
}

function whose(actor: Actor, asked: string | undefined): string | undefined {
  if (isStaff(actor)) return asked;
  const own = actor.kind === "user" ? actor.userId : undefined;
  if (own !== undefined && (asked === undefined || asked === own)) return own;
  throw new AppError("forbidden", "These are another user's carts.");
}
