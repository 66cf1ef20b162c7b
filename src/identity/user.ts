import type { z } from "@hono/zod-openapi";
import { type Actor, type Ctx, isOwn, isStaff, type Role } from "../platform/ctx.ts";
import { type Changes, changesBetween } from "../platform/changes.ts";
import { AppError } from "../platform/errors.ts";
import type { ChangeUserBody } from "./schemas.ts";

/** An account, as all but its password. */
export interface User {
  id: string;
  email: string;
  name: string | null;
  role: Role;
  /** It has no login: its address may be any number of guests', and an account's as well. */
  guest: boolean;
  /** Since when it may not log in; null: it may. */
  disabled_at: string | null;
  version: number;
  created_at: string;
  updated_at: string;
}

/** What of an account can be changed; what is left out stays. */
export type UserChange = z.infer<typeof ChangeUserBody>;

/** Whose request it is. */
export function callerId({ actor }: Pick<Ctx, "actor">): string {
  if (actor.kind !== "user") throw new Error("A route for users was reached by somebody else.");
  return actor.userId;
}

/** Admins, and the system, which acts for whoever may run commands on the server. */
export function isAdmin(actor: Actor): boolean {
  return actor.kind === "system" || (actor.kind === "user" && actor.role === "admin");
}

/** Staff look after customers; only admins look after staff and admins, or staff could make themselves admins. */
export function mayManage(actor: Actor, user: Pick<User, "role">): boolean {
  return user.role === "customer" ? isStaff(actor) : isAdmin(actor);
}

/** An account after a change, and what differs. Pure. */
export function applyChange(now: Date, before: User, change: UserChange): { after: User; changes: Changes } {
  const disabledAt = change.disabled ? before.disabled_at ?? now.toISOString() : null;
  const after: User = {
    ...before,
    name: change.name === undefined ? before.name : change.name,
    role: change.role ?? before.role,
    disabled_at: change.disabled === undefined ? before.disabled_at : disabledAt,
  };
  return { after, changes: changesBetween(changeable(before), changeable(after)) };
}

function changeable({ name, role, disabled_at }: User): Required<UserChange> {
  return { name, role, disabled: disabled_at !== null };
}

/** @throws forbidden unless the actor may make these changes to this account. */
export function refuseForbiddenChange(actor: Actor, before: User, changes: Changes): void {
  const fields = Object.keys(changes);
  if (fields.includes("role") && !isAdmin(actor)) throw onlyAdmins("change roles");
  const isOwnName = isOwn(actor, before.id) && fields.every((field) => field === "name");
  if (fields.length > 0 && !isOwnName && !mayManage(actor, before)) {
    throw onlyAdmins("change the accounts of staff and admins");
  }
}

/** The refusal of an address that is an account's already. @param pointer to it in the request, if it is there */
export function emailTaken(pointer: string, message: string): AppError {
  return new AppError("email_taken", "There is an account with this e-mail address.", {
    errors: [{ pointer, code: "taken", message }],
  });
}

/** The refusal for what staff may not do. */
export function onlyAdmins(what: string): AppError {
  return new AppError("forbidden", `Only admins may ${what}.`);
}

/** Can this account be logged into as an admin? */
export function isActiveAdmin(user: Pick<User, "role" | "disabled_at">): boolean {
  return user.role === "admin" && user.disabled_at === null;
}
