import type { Ctx } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { verifyPassword } from "./password.ts";
import { findUserByEmail, insertSession } from "./queries.ts";
import { newSecretToken } from "./secret_token.ts";
import { refreshExpiry, type Session } from "./session.ts";

/**
 * Begins a session. Whoever is refused learns nothing else, neither from the words nor from the time: each attempt
 * verifies exactly one password.
 *
 * @throws invalid_credentials
 */
export async function logIn(ctx: Ctx, input: { username: string; password: string }): Promise<Session> {
  const user = await findUserByEmail(ctx.sql, input.username);
  const matches = await verifyPassword(input.password, user?.password_hash);
  if (!matches || !user?.password_hash) throw invalidCredentials();
  const now = ctx.clock.now();
  const { token, hash } = newSecretToken();
  const session = await insertSession(ctx.sql, {
    familyId: newId(),
    userId: user.id,
    passwordHash: user.password_hash,
    tokenHash: hash,
    now: now.toISOString(),
    expiresAt: refreshExpiry(now),
  });
  if (!session) throw invalidCredentials();
  return { userId: user.id, role: session.role, refreshToken: token };
}

function invalidCredentials(): AppError {
  return new AppError("invalid_credentials", "The e-mail address or the password is wrong.");
}
