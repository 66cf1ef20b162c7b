import { type Ctx, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { findUser } from "./queries.ts";
import type { User } from "./user.ts";

/** One's own account; for staff, anybody's. @throws not_found */
export async function getUser(ctx: Ctx, userId: string): Promise<User> {
  const viewer = {
    seesAll: isStaff(ctx.actor),
    userId: ctx.actor.kind === "user" ? ctx.actor.userId : undefined,
  };
  const user = await findUser(ctx.sql, userId, viewer);
  if (!user) throw notFound("user");
  return user;
}
