import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import * as queries from "./queries.ts";

const BEING_DELETED = "It is being deleted.";

/**
 * Removes an endpoint with its deliveries; what waits is not sent any more. It is disabled first, as its deliveries are many:
 * where a process ends among them nothing more is sent, and a repeated call goes on, also with the version from before.
 *
 * @throws not_found, version_mismatch
 */
export async function deleteEndpoint(
  ctx: Ctx,
  { id, expectedVersion }: { id: string; expectedVersion?: number },
): Promise<void> {
  await transaction(ctx.sql, async (tx) => {
    const endpoint = await queries.lockEndpoint(tx, id);
    if (!endpoint) throw notFound("webhook endpoint");
    if (endpoint.disabled_reason === BEING_DELETED) return;
    requireVersion("endpoint", endpoint.version, expectedVersion);
    await queries.updateEndpoint(tx, {
      ...endpoint,
      status: "disabled",
      disabled_reason: BEING_DELETED,
      version: endpoint.version + 1,
      updated_at: ctx.clock.now().toISOString(),
    });
  });
  await queries.deleteEndpoint(ctx.sql, id);
}
