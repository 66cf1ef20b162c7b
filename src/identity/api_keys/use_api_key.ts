import type { Ctx } from "../../platform/ctx.ts";
import { isUnavailable } from "../../platform/db.ts";
import { invalidToken } from "../access_token.ts";
import { hashToken } from "../secret_token.ts";
import { findKeyOwner, type KeyOwner, noteKeyUse } from "./queries.ts";

/**
 * Whom a key speaks for. That it is used is noted once an hour: by a later request, where the database takes nothing just now, as
 * one that is read-only still answers reads.
 *
 * @throws unauthenticated for a key that is not good any more, or never was
 */
export async function useApiKey({ sql, clock }: Pick<Ctx, "sql" | "clock">, key: string): Promise<KeyOwner> {
  const now = clock.now();
  const owner = await findKeyOwner(sql, hashToken(key), now);
  if (!owner) throw invalidToken();
  if (owner.to_be_noted) {
    await noteKeyUse(sql, owner.key_id, now).catch((error) => {
      if (!isUnavailable(error)) throw error;
    });
  }
  return owner;
}
