import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { newId } from "../platform/id.ts";
import { addUser } from "./add_user.ts";
import { insertSession } from "./queries.ts";
import { newSecretToken } from "./secret_token.ts";
import { refreshExpiry, type Session } from "./session.ts";
import type { User } from "./user.ts";

/**
 * Makes a customer without a login, and begins their one session. An address may be any number of guests': nobody has
 * shown that it is theirs, so none sees what another bought.
 */
export async function createGuest(
  ctx: Ctx,
  input: { email: string; name?: string },
): Promise<{ user: User; session: Session }> {
  const now = ctx.clock.now();
  const { token, hash } = newSecretToken();
  const user = await transaction(ctx.sql, async (tx) => {
    const user = await addUser(tx, ctx, { ...input, role: "customer", guest: true, passwordHash: null });
    await insertSession(tx, {
      familyId: newId(),
      userId: user.id,
      passwordHash: null,
      tokenHash: hash,
      now: now.toISOString(),
      expiresAt: refreshExpiry(now),
    });
    return user;
  });
  return { user, session: { userId: user.id, role: user.role, refreshToken: token } };
}
