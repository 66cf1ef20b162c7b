import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { callerId, isAdmin, onlyAdmins } from "../user.ts";
import { type ApiKey, mayManageKeysOf } from "./api_key.ts";
import { findKey, listKeyRows } from "./queries.ts";

/** One's own keys; for admins all, or one user's. Newest first. @throws forbidden for another's by staff */
export async function listApiKeys(
  ctx: Ctx,
  { user_id: asked, cursor, limit }: { user_id?: string; cursor?: [string]; limit: number },
): Promise<Page<ApiKey>> {
  const userId = asked ?? (isAdmin(ctx.actor) ? undefined : callerId(ctx));
  if (userId !== undefined && !mayManageKeysOf(ctx.actor, userId)) throw onlyAdmins("see the keys of others");
  const rows = await listKeyRows(ctx.sql, { userId, beforeId: cursor?.[0], limit });
  return toPage(rows, limit, ({ id }) => [id]);
}

/** @throws not_found, also for another's */
export async function getApiKey(ctx: Ctx, id: string): Promise<ApiKey> {
  const key = await findKey(ctx.sql, id);
  if (!key || !mayManageKeysOf(ctx.actor, key.user_id)) throw notFound("API key");
  return key;
}
