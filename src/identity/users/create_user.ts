import type { Ctx, Role } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { type Idempotency, once, type Outcome } from "../../platform/idempotency.ts";
import { addUser } from "../add_user.ts";
import { mayManage, onlyAdmins, type User } from "../user.ts";

/**
 * Makes an account without a password for somebody else.
 *
 * @throws forbidden (staff may make customers only), email_taken
 */
export async function createUser(
  ctx: Ctx,
  input: { email: string; name?: string; role: Role },
  idempotency: Idempotency | undefined,
): Promise<Outcome<User>> {
  if (!mayManage(ctx.actor, input)) throw onlyAdmins("make staff and admins");
  return await transaction(
    ctx.sql,
    (tx) => once(tx, idempotency, () => addUser(tx, ctx, { ...input, passwordHash: null })),
  );
}
