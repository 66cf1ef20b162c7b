import { type Ctx, isOwn, isStaff } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { findUser } from "../queries.ts";
import type { User } from "../user.ts";

/** One's own account; for staff, anybody's. @throws not_found */
export async function getUser(ctx: Ctx, userId: string): Promise<User> {
  const user = await findUser(ctx.sql, userId);
  if (user && (isStaff(ctx.actor) || isOwn(ctx.actor, user.id))) return user;
  throw notFound("user");
}
