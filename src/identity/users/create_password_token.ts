import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { notFound } from "../../platform/errors.ts";
import { insertPasswordToken, lockUser, voidPasswordTokens } from "../queries.ts";
import { newSecretToken } from "../secret_token.ts";
import { mayManage, onlyAdmins } from "../user.ts";

const PASSWORD_TOKEN_MS = 24 * 60 * 60 * 1000;

/**
 * Makes a token with which an account's owner can set a password, once, within 24 hours. It replaces earlier ones.
 *
 * @throws not_found, forbidden (staff may do it for customers only)
 */
export async function createPasswordToken(
  ctx: Ctx,
  userId: string,
): Promise<{ token: string; expires_at: string }> {
  const now = ctx.clock.now();
  const expiresAt = new Date(now.getTime() + PASSWORD_TOKEN_MS).toISOString();
  const { token, hash } = newSecretToken();
  await transaction(ctx.sql, async (tx) => {
    const user = await lockUser(tx, userId);
    if (!user) throw notFound("user");
    if (!mayManage(ctx.actor, user)) throw onlyAdmins("reset the passwords of staff and admins");
    await voidPasswordTokens(tx, userId, now.toISOString());
    await insertPasswordToken(tx, { hash, userId, expiresAt });
  });
  return { token, expires_at: expiresAt };
}
