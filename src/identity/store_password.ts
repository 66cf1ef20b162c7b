import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { userWasChanged } from "./events.ts";
import { revokeFamilies, updatePassword, voidPasswordTokens } from "./queries.ts";

/**
 * Gives a user another password, and ends what was open under the old one: all sessions and password tokens.
 * False if the password is not the `expected` one any more.
 */
export async function storePassword(
  tx: Tx,
  ctx: Ctx,
  change: { userId: string; passwordHash: string; expected?: string },
): Promise<boolean> {
  const now = ctx.clock.now().toISOString();
  const user = await updatePassword(tx, { ...change, now });
  if (!user) return false;
  await revokeFamilies(tx, user.id, "password_changed", now);
  await voidPasswordTokens(tx, user.id, now);
  await appendEvents(tx, ctx, [userWasChanged(user, { password_changed: true })]);
  return true;
}
