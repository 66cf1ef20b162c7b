import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { notFound, type RequireSame } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import { apiKeyRevoked } from "../events.ts";
import { type ApiKey, mayManageKeysOf } from "./api_key.ts";
import { lockKey, updateRevoked } from "./queries.ts";

/**
 * Makes a key worthless, from the next request on. Repeating it changes nothing.
 *
 * @throws not_found, also for another's; version_mismatch
 */
export async function revokeApiKey(
  ctx: Ctx,
  { id, requireSame }: { id: string; requireSame: RequireSame },
): Promise<ApiKey> {
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockKey(tx, id);
    if (!before || !mayManageKeysOf(ctx.actor, before.user_id)) throw notFound("API key");
    requireSame(before);
    if (before.revoked_at !== null) return before;
    const now = ctx.clock.now().toISOString();
    const after: ApiKey = { ...before, revoked_at: now, updated_at: now };
    await updateRevoked(tx, after);
    await appendEvents(tx, ctx, [{ event: apiKeyRevoked, aggregateId: id, userId: null, data: after }]);
    return after;
  });
}
