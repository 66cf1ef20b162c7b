import { isDeepStrictEqual } from "node:util";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import { type Endpoint, type EndpointChanges, requirePublicUrl } from "./endpoint.ts";
import { lockEndpoint, updateEndpoint } from "./queries.ts";

/**
 * Changes an endpoint. Where nothing differs its version stays.
 *
 * @throws not_found, version_mismatch, invalid_request for a URL that webhooks may not go to
 */
export async function changeEndpoint(
  ctx: Ctx,
  { id, changes, expectedVersion }: { id: string; changes: EndpointChanges; expectedVersion?: number },
): Promise<Endpoint> {
  if (changes.url !== undefined) {
    await requirePublicUrl(changes.url, ctx.config.webhookAllowPrivateAddresses);
  }
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockEndpoint(tx, id);
    if (!before) throw notFound("webhook endpoint");
    requireVersion("endpoint", before.version, expectedVersion);
    const changed: Endpoint = {
      ...before,
      ...changes,
      disabled_reason: changes.status === undefined ? before.disabled_reason : null,
    };
    if (isDeepStrictEqual(changed, before)) return before;
    const endpoint = { ...changed, version: before.version + 1, updated_at: ctx.clock.now().toISOString() };
    await updateEndpoint(tx, endpoint);
    return endpoint;
  });
}
