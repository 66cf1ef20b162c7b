import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { AppError, invalidRequest, notFound, requireVersion } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import { userWasChanged } from "../events.ts";
import { lockActiveAdmins, lockUser, revokeFamilies, updateUser, voidPasswordTokens } from "../queries.ts";
import { applyChange, isActiveAdmin, refuseForbiddenChange, type User, type UserChange } from "../user.ts";

/**
 * Changes an account. A change of role or a disabled account ends all its sessions, and makes open password tokens
 * worthless: whoever held one for a customer must not get an admin's account with it.
 *
 * @throws not_found, forbidden, version_mismatch, last_admin, invalid_request for a guest's role
 */
export async function changeUser(
  ctx: Ctx,
  userId: string,
  change: UserChange,
  expectedVersion: number | undefined,
): Promise<User> {
  const now = ctx.clock.now();
  const mayEndAnAdmin = change.disabled === true || (change.role !== undefined && change.role !== "admin");
  return await transaction(ctx.sql, async (tx) => {
    const admins = mayEndAnAdmin ? await lockActiveAdmins(tx) : [];
    const before = await lockUser(tx, userId);
    if (!before) throw notFound("user");
    const { after, changes } = applyChange(now, before, change);
    refuseForbiddenChange(ctx.actor, before, changes);
    if (before.guest && after.role !== "customer") throw guestsAreCustomers();
    requireVersion("account", before.version, expectedVersion);
    if (Object.keys(changes).length === 0) return before;
    if (isActiveAdmin(before) && !isActiveAdmin(after) && admins.every((id) => id === userId)) {
      throw new AppError("last_admin", "This is the last admin. Make another one first.");
    }
    const user = await updateUser(tx, after, now.toISOString());
    if (changes.role || after.disabled_at !== null) {
      const reason = after.disabled_at === null ? "role_changed" : "disabled";
      await revokeFamilies(tx, userId, reason, now.toISOString());
      await voidPasswordTokens(tx, userId, now.toISOString());
    }
    await appendEvents(tx, ctx, [userWasChanged(user, { changes })]);
    return user;
  });
}

function guestsAreCustomers(): AppError {
  return invalidRequest([{
    pointer: "/role",
    code: "guest",
    message: "must be customer for a guest: let them set a password first",
  }]);
}
