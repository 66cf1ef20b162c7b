import type { Ctx } from "../platform/ctx.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import { getEndpoint } from "./get_endpoint.ts";
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
  const { version } = await getEndpoint(ctx, id);
  requireVersion("endpoint", version, expectedVersion);
  if (!await queries.deleteEndpoint(ctx.sql, id)) throw notFound("webhook endpoint");
}
