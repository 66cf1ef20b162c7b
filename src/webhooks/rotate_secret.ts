import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, requireVersion } from "../platform/errors.ts";
import type { Endpoint, EndpointWithSecret } from "./endpoint.ts";
import { lockEndpoint, replaceSecret } from "./queries.ts";
import { newSecret, seal } from "./secret.ts";

const HOUR_MS = 3_600_000;

/**
 * Gives an endpoint a new secret; the one before signs along for so many hours.
 *
 * @throws not_found, version_mismatch
 */
export async function rotateSecret(
  ctx: Ctx,
  { id, overlapHours, expectedVersion }: { id: string; overlapHours: number; expectedVersion?: number },
): Promise<EndpointWithSecret> {
  const secret = newSecret();
  const sealed = await seal(ctx.config, secret);
  const now = ctx.clock.now();
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockEndpoint(tx, id);
    if (!before) throw notFound("webhook endpoint");
    requireVersion("endpoint", before.version, expectedVersion);
    const endpoint: Endpoint = {
      ...before,
      previous_secret_until: overlapHours > 0
        ? new Date(now.getTime() + overlapHours * HOUR_MS).toISOString()
        : null,
      version: before.version + 1,
      updated_at: now.toISOString(),
    };
    await replaceSecret(tx, endpoint, sealed);
    return { ...endpoint, secret };
  });
}
