import { z } from "@hono/zod-openapi";
import { type Changes, ChangesSchema } from "../platform/changes.ts";
import { defineEvent, type NewEvent } from "../platform/events.ts";
import { ApiKeySchema } from "./api_keys/schemas.ts";
import { UserSchema, userView } from "./schemas.ts";
import type { User } from "./user.ts";

/** An account, as events tell it, those too from before there were guests. */
const ToldUser = z.object({
  ...UserSchema.shape,
  guest: UserSchema.shape.guest.optional().openapi({
    description: "Left out in events from before there were guests",
  }),
}).openapi("ToldUser");

/** An account was made: by its owner, by staff, or by a command. */
export const userRegistered = defineEvent("user.registered", 1, "user", "An account was made.", ToldUser);

/** An account changed: the whole of it as it is now, and what changed. Of a password only that it did. */
export const userUpdated = defineEvent(
  "user.updated",
  1,
  "user",
  "An account changed.",
  z.object({
    ...ToldUser.shape,
    changes: ChangesSchema,
    password_changed: z.boolean(),
  }),
);

/** A key, as events tell it, those too from before it could be limited. */
const ToldApiKey = z.object({
  ...ApiKeySchema.shape,
  scopes: ApiKeySchema.shape.scopes.optional().openapi({
    description: "Left out in events from before keys could be limited",
  }),
}).openapi("ToldApiKey");

export const apiKeyCreated = defineEvent(
  "api_key.created",
  1,
  "api_key",
  "A key was made that acts as a member of staff.",
  ToldApiKey,
);
export const apiKeyRevoked = defineEvent(
  "api_key.revoked",
  1,
  "api_key",
  "A key is worthless.",
  ToldApiKey,
);

export function userWasRegistered(user: User): NewEvent<typeof userRegistered.schema> {
  return {
    event: userRegistered,
    aggregateId: user.id,
    sequence: user.version,
    userId: user.id,
    data: userView(user),
  };
}

export function userWasChanged(
  user: User,
  what: { changes: Changes; password_changed?: true },
): NewEvent<typeof userUpdated.schema> {
  return {
    event: userUpdated,
    aggregateId: user.id,
    sequence: user.version,
    userId: user.id,
    data: { ...userView(user), password_changed: false, ...what },
  };
}
