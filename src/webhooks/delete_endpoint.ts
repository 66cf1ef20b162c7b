import type { Ctx } from "../platform/ctx.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import * as queries from "./queries.ts";

/**
 * Removes an endpoint with its deliveries; what waits is not sent any more.
 *
 * @throws not_found, version_mismatch
 */
export async function deleteEndpoint(
  ctx: Ctx,
  { id, expectedVersion }: { id: string; expectedVersion?: number },
): Promise<void> {
  const known = await queries.findEndpoint(ctx.sql, id);
  if (!known) throw notFound("webhook endpoint");
  requireVersion("endpoint", known.version, expectedVersion);
  if (!await queries.deleteEndpoint(ctx.sql, id)) throw notFound("webhook endpoint");
}
