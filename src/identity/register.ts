import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { addUser } from "./add_user.ts";
import { hashPassword } from "./password.ts";
import { refuseWeakPassword } from "./password_strength.ts";
import type { User } from "./user.ts";

/**
 * Makes a customer's account with a password. The hash comes first, so an address that is taken answers no faster.
 *
 * @throws weak_password, email_taken
 */
export async function register(
  ctx: Ctx,
  input: { email: string; password: string; name?: string },
): Promise<User> {
  await refuseWeakPassword(input.password, input, "/password");
  const passwordHash = await hashPassword(input.password);
  return await transaction(ctx.sql, (tx) => addUser(tx, ctx, { ...input, role: "customer", passwordHash }));
}
