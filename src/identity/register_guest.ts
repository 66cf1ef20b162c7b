import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { invalidToken } from "./access_token.ts";
import { hashPassword } from "./password.ts";
import { refuseWeakPassword } from "./password_strength.ts";
import { findUser, lockUser } from "./queries.ts";
import { storePassword } from "./store_password.ts";
import type { User } from "./user.ts";

/**
 * Lets a guest log in with a password from now on: it is the same customer, with all that they bought. Ends the guest's
 * sessions.
 *
 * @throws email_taken, also for who is no guest; weak_password; unauthenticated for who is disabled or gone
 */
export async function registerGuest(ctx: Ctx, userId: string, password: string): Promise<User> {
  const guest = requireGuest(await findUser(ctx.sql, userId));
  await refuseWeakPassword(password, guest, "/password");
  const passwordHash = await hashPassword(password);
  return await transaction(ctx.sql, async (tx) => {
    const before = requireGuest(await lockUser(tx, userId));
    return (await storePassword(tx, ctx, before, { passwordHash }))!;
  });
}

function requireGuest(user: User | undefined): User {
  // A disabled account with the address would keep it from its owner.
  if (!user || user.disabled_at !== null) throw invalidToken();
  if (!user.guest) throw new AppError("email_taken", "This account can be logged in to already.");
  return user;
}
