import { z } from "@hono/zod-openapi";
import { type Changes, ChangesSchema } from "../platform/changes.ts";
import { defineEvent, type NewEvent } from "../platform/events.ts";
import { ApiKeySchema } from "./api_keys/schemas.ts";
import { UserSchema, userView } from "./schemas.ts";
import type { User } from "./user.ts";

/** An account was made: by its owner, by staff, or by a command. */
export const userRegistered = defineEvent("user.registered", 1, "user", "An account was made.", UserSchema);

/** An account changed: the whole of it as it is now, and what changed. Of a password only that it did. */
export const userUpdated = defineEvent(
  "user.updated",
  1,
  "user",
  "An account changed.",
  UserSchema.extend({
    changes: ChangesSchema,
    password_changed: z.boolean(),
  }),
);

export const apiKeyCreated = defineEvent(
  "api_key.created",
  1,
  "api_key",
  "A key was made that acts as a member of staff.",
  ApiKeySchema,
);
export const apiKeyRevoked = defineEvent(
  "api_key.revoked",
  1,
  "api_key",
  "A key is worthless.",
  ApiKeySchema,
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
