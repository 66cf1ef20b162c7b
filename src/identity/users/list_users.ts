import type { Ctx, Role } from "../../platform/ctx.ts";
import { type Page, toPage } from "../../platform/page.ts";
import * as queries from "../queries.ts";
import type { User } from "../user.ts";

/** Accounts, newest first. For staff. */
export async function listUsers(
  ctx: Ctx,
  filter: { email?: string; role?: Role; guest?: boolean; cursor?: [string]; limit: number },
): Promise<Page<User>> {
  const rows = await queries.listUsers(ctx.sql, { ...filter, beforeId: filter.cursor?.[0] });
  return toPage(rows, filter.limit, (last) => [last.id]);
}
