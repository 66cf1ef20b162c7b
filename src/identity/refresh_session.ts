import type { Ctx } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { revokeReusedFamily, rotateToken } from "./queries.ts";
import { hashToken, newSecretToken } from "./secret_token.ts";
import { refreshExpiry, type Session } from "./session.ts";

/**
 * Takes a refresh token for the next one. A token that comes a second time was stolen, from or by the one who
 * came first: then the whole family is revoked and both must log in again.
 *
 * @throws invalid_grant
 */
export async function refreshSession(ctx: Ctx, refreshToken: string): Promise<Session> {
  const now = ctx.clock.now();
  const hash = hashToken(refreshToken);
  const next = newSecretToken();
  const rotated = await rotateToken(ctx.sql, {
    hash,
    nextHash: next.hash,
    now: now.toISOString(),
    expiresAt: refreshExpiry(now),
  });
  if (!rotated) {
    await revokeReusedFamily(ctx.sql, hash, now.toISOString());
    throw new AppError(
      "invalid_grant",
      "The refresh token is not valid, has been used, or has expired. Log in again.",
    );
  }
  return { userId: rotated.user_id, role: rotated.role, refreshToken: next.token };
}
