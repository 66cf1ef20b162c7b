import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { hashPassword, verifyPassword } from "./password.ts";
import { refuseWeakPassword } from "./password_strength.ts";
import { findCredentials } from "./queries.ts";
import { storePassword } from "./store_password.ts";

/**
 * Changes one's own password, and ends all one's sessions, this one too.
 *
 * @throws invalid_request when the current password is wrong, or a guest has none; weak_password
 */
export async function changePassword(
  ctx: Ctx,
  userId: string,
  input: { current_password: string; new_password: string },
): Promise<void> {
  const user = await findCredentials(ctx.sql, userId);
  const matches = await verifyPassword(input.current_password, user?.password_hash);
  if (user?.guest) throw wrongPassword("A guest has no password yet.", "POST /v1/me/registration sets one.");
  if (!matches || !user?.password_hash || user.disabled_at) throw wrongPassword();
  if (input.new_password === input.current_password) {
    throw new AppError("weak_password", "The new password is the current one.", {
      errors: [{ pointer: "/new_password", code: "unchanged", message: "Choose another one." }],
    });
  }
  await refuseWeakPassword(input.new_password, user, "/new_password");
  const passwordHash = await hashPassword(input.new_password);
  const expected = user.password_hash;
  const stored = await transaction(
    ctx.sql,
    (tx) => storePassword(tx, ctx, user, { passwordHash, expected }),
  );
  if (!stored) throw wrongPassword();
}

/** Not a 401: the access token is good, and a client must not log its user out for a mistyped password. */
function wrongPassword(
  detail = "The current password is wrong.",
  message = "This is not your current password.",
): AppError {
  return new AppError("invalid_request", detail, {
    errors: [{ pointer: "/current_password", code: "wrong", message }],
  });
}
