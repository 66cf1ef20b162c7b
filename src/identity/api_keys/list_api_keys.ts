import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { onlyAdmins } from "../user.ts";
import { type ApiKey, mayManageKeysOf } from "./api_key.ts";
import { findKey, listKeyRows } from "./queries.ts";

/** One's own keys; for admins all, or one user's. Newest first. @throws forbidden for another's by staff */
export async function listApiKeys(
  ctx: Ctx,
  { ownId, userId, cursor, limit }: { ownId: string; userId?: string; cursor?: [string]; limit: number },
): Promise<Page<ApiKey>> {
  if (userId !== undefined && !mayManageKeysOf(ctx.actor, userId)) throw onlyAdmins("see the keys of others");
  const isAll = userId === undefined && ctx.actor.kind === "user" && ctx.actor.role === "admin";
  const rows = await listKeyRows(ctx.sql, {
    userId: isAll ? undefined : userId ?? ownId,
    beforeId: cursor?.[0],
    limit,
  });
  return toPage(rows, limit, ({ id }) => [id]);
}

/** @throws not_found, also for another's */
export async function getApiKey(ctx: Ctx, id: string): Promise<ApiKey> {
  const key = await findKey(ctx.sql, id);
  if (!key || !mayManageKeysOf(ctx.actor, key.user_id)) throw notFound("API key");
  return key;
}
