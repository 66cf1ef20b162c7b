import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { hashPassword } from "./password.ts";
import { refuseWeakPassword } from "./password_strength.ts";
import { findCredentials } from "./queries.ts";
import { storePassword } from "./store_password.ts";
import type { User } from "./user.ts";

/**
 * Lets a guest log in with a password from now on: it is the same customer, with all that they bought. Ends the guest's
 * sessions.
 *
 * @throws email_taken, also for who is no guest; weak_password
 */
export async function registerGuest(ctx: Ctx, userId: string, password: string): Promise<User> {
  const guest = await findCredentials(ctx.sql, userId);
  if (!guest?.guest) throw registered();
  await refuseWeakPassword(password, guest, "/password");
  const passwordHash = await hashPassword(password);
  const user = await transaction(
    ctx.sql,
    (tx) => storePassword(tx, ctx, { userId, passwordHash, expected: null }),
  );
  if (!user) throw registered();
  return user;
}

function registered(): AppError {
  return new AppError("email_taken", "This account can be logged in to already.");
}
