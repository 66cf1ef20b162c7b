import { changesBetween } from "../platform/changes.ts";
import type { Ctx } from "../platform/ctx.ts";
import { type Tx, violates } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { userWasChanged } from "./events.ts";
import { revokeFamilies, updatePassword, voidPasswordTokens } from "./queries.ts";
import { emailTaken, type User } from "./user.ts";

/**
 * Gives a user another password, and ends what was open under the old one: all sessions and password tokens. A guest can
 * log in with it from then on. Undefined if the password is not the `expected` one any more.
 *
 * @throws email_taken for a guest whose address is an account's
 */
export async function storePassword(
  tx: Tx,
  ctx: Ctx,
  { id, guest }: User,
  change: { passwordHash: string; expected?: string },
): Promise<User | undefined> {
  const now = ctx.clock.now().toISOString();
  const user = await updatePassword(tx, { userId: id, ...change, now }).catch((error) => {
    throw violates(error, "users_email_key") ? emailTaken("", "Log in to that account.") : error;
  });
  if (!user) return undefined;
  await revokeFamilies(tx, user.id, "password_changed", now);
  await voidPasswordTokens(tx, user.id, now);
  const changes = changesBetween({ guest }, { guest: user.guest });
  await appendEvents(tx, ctx, [userWasChanged(user, { changes, password_changed: true })]);
  return user;
}
