import type { Ctx, Role } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { userWasRegistered } from "./events.ts";
import { insertUser } from "./queries.ts";
import { emailTaken, type User } from "./user.ts";

/** An account to be made. Without a hash nobody can log in to it until its owner sets a password. */
interface NewUser {
  email: string;
  guest?: boolean;
  name?: string | null;
  role: Role;
  passwordHash: string | null;
}

/** Makes an account, with its event. @throws email_taken */
export async function addUser(tx: Tx, ctx: Ctx, input: NewUser): Promise<User> {
  const user = await insertUser(tx, {
    id: newId(),
    email: input.email,
    guest: input.guest ?? false,
    name: input.name ?? null,
    role: input.role,
    passwordHash: input.passwordHash,
    now: ctx.clock.now().toISOString(),
  });
  if (!user) throw emailTaken("/email", "Log in, or use another address.");
  await appendEvents(tx, ctx, [userWasRegistered(user)]);
  return user;
}
