import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { invalidRequest } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { apiKeyCreated } from "../events.ts";
import { lockUser } from "../queries.ts";
import { hashToken, newSecretToken } from "../secret_token.ts";
import { callerId, onlyAdmins } from "../user.ts";
import { type ApiKey, keyOf, mayManageKeysOf, prefixOf } from "./api_key.ts";
import { insertKey } from "./queries.ts";
import type { CreateApiKeyBody } from "./schemas.ts";

/**
 * Makes a key that acts as a member of staff: oneself, unless said.
 *
 * @returns it with the key, which is kept nowhere
 * @throws forbidden for another's by staff, invalid_request for a customer's or one that has expired already
 */
export async function createApiKey(
  ctx: Ctx,
  input: z.output<typeof CreateApiKeyBody>,
): Promise<ApiKey & { key: string }> {
  const now = ctx.clock.now();
  const userId = input.user_id ?? callerId(ctx);
  if (!mayManageKeysOf(ctx.actor, userId)) throw onlyAdmins("make keys for others");
  const expiresAt = input.expires_at === undefined ? null : new Date(input.expires_at);
  if (expiresAt !== null && expiresAt <= now) {
    throw invalidRequest([{ pointer: "/expires_at", code: "past", message: "must be in the future" }]);
  }
  const key = keyOf(newSecretToken().token);
  const apiKey: ApiKey = {
    id: newId(),
    user_id: userId,
    name: input.name,
    prefix: prefixOf(key),
    expires_at: expiresAt?.toISOString() ?? null,
    last_used_at: null,
    revoked_at: null,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
  };
  await transaction(ctx.sql, async (tx) => {
    const user = await lockUser(tx, userId);
    if (!user || user.role === "customer") {
      throw invalidRequest([{
        pointer: "/user_id",
        code: "not_staff",
        message: "must be of staff or of an admin",
      }]);
    }
    await insertKey(tx, { ...apiKey, hash: hashToken(key) });
    await appendEvents(tx, ctx, [{
      event: apiKeyCreated,
      aggregateId: apiKey.id,
      userId: null,
      data: apiKey,
    }]);
  });
  return { ...apiKey, key };
}
