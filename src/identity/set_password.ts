import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { hashPassword } from "./password.ts";
import { refuseWeakPassword } from "./password_strength.ts";
import { findPasswordTokenOwner, lockUser, usePasswordToken } from "./queries.ts";
import { hashToken } from "./secret_token.ts";
import { storePassword } from "./store_password.ts";

/**
 * Sets the password of whoever holds a password token, and ends all sessions. A weak password leaves the token good.
 *
 * @throws invalid_grant, weak_password, email_taken for a guest whose address is an account's
 */
export async function setPassword(ctx: Ctx, input: { token: string; new_password: string }): Promise<void> {
  const now = ctx.clock.now().toISOString();
  const hash = hashToken(input.token);
  const owner = await findPasswordTokenOwner(ctx.sql, hash, now);
  if (!owner) throw invalidToken();
  await refuseWeakPassword(input.new_password, owner, "/new_password");
  const passwordHash = await hashPassword(input.new_password);
  await transaction(ctx.sql, async (tx) => {
    await lockUser(tx, owner.id);
    if (!await usePasswordToken(tx, hash, now)) throw invalidToken();
    await storePassword(tx, ctx, owner, { passwordHash });
  });
}

function invalidToken(): AppError {
  return new AppError("invalid_grant", "The password token is not valid, has been used, or has expired.");
}
