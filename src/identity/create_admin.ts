import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { addUser } from "./add_user.ts";
import { hashPassword } from "./password.ts";
import { refuseWeakPassword } from "./password_strength.ts";
import type { User } from "./user.ts";

/** Makes an admin with a password, for whoever may run commands on the server. @throws weak_password, email_taken */
export async function createAdmin(
  ctx: Ctx,
  input: { email: string; password: string; name?: string },
): Promise<User> {
  await refuseWeakPassword(input.password, input, "/password");
  const passwordHash = await hashPassword(input.password);
  return await transaction(ctx.sql, (tx) => addUser(tx, ctx, { ...input, role: "admin", passwordHash }));
}
