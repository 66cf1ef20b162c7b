import type { z } from "@hono/zod-openapi";
import { covers } from "../../platform/areas.ts";
import type { Actor, Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { AppError, invalidRequest } from "../../platform/errors.ts";
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
 * @throws forbidden for another's by staff, or for more than the key that asks may do; invalid_request for a customer's, a
 *   disabled user's or one that has expired already
 */
export async function createApiKey(
  ctx: Ctx,
  input: z.output<typeof CreateApiKeyBody>,
): Promise<ApiKey & { key: string }> {
  const now = ctx.clock.now();
  const userId = input.user_id ?? callerId(ctx);
  if (!mayManageKeysOf(ctx.actor, userId)) throw onlyAdmins("make keys for others");
  refuseWider(ctx.actor, input.scopes);
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
    scopes: input.scopes ? [...new Set(input.scopes)] : null,
    expires_at: expiresAt?.toISOString() ?? null,
    last_used_at: null,
    revoked_at: null,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
  };
  await transaction(ctx.sql, async (tx) => {
    const user = await lockUser(tx, userId);
    if (!user || user.role === "customer" || user.disabled_at !== null) {
      throw invalidRequest([{
        pointer: "/user_id",
        code: "not_staff",
        message: "must be of a member of staff or an admin who is not disabled",
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

/** A key that is limited makes none that may do more. */
function refuseWider(actor: Actor, asked: readonly string[] | undefined): void {
  const own = actor.kind === "user" ? actor.scopes : undefined;
  if (own === undefined || asked?.every((scope) => covers(own, scope))) return;
  throw new AppError("forbidden", `This API key makes others for what it has itself: ${own.join(", ")}.`, {
    errors: [{ pointer: "/scopes", code: "wider", message: "must be among the scopes of the key that asks" }],
  });
}
