import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { newId } from "../platform/id.ts";
import { findAnswer, type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { type Endpoint, type EndpointWithSecret, requirePublicUrl } from "./endpoint.ts";
import { insertEndpoint } from "./queries.ts";
import type { NewEndpointBody } from "./schemas.ts";
import { newSecret, seal, unseal } from "./secret.ts";

/**
 * Adds an endpoint with a secret of its own. What is kept for a repeated call holds the secret encrypted, too.
 *
 * @throws invalid_request for a URL that webhooks may not go to
 */
export async function createEndpoint(
  ctx: Ctx,
  input: z.infer<typeof NewEndpointBody>,
  idempotency?: Idempotency,
): Promise<Outcome<EndpointWithSecret>> {
  // Looked up outside of the transaction, and not for a repeated call: where the URL leads may have changed since.
  if (!idempotency || !await findAnswer(ctx.sql, idempotency)) {
    await requirePublicUrl(input.url, ctx.config.webhookAllowPrivateAddresses);
  }
  const now = ctx.clock.now().toISOString();
  const sealed = await seal(ctx.config, newSecret());
  const { value, replayed } = await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const endpoint: Endpoint = {
        id: newId(),
        url: input.url,
        description: input.description ?? null,
        event_types: input.event_types,
        status: "enabled",
        disabled_reason: null,
        previous_secret_until: null,
        version: 1,
        created_at: now,
        updated_at: now,
      };
      await insertEndpoint(tx, endpoint, sealed);
      return { ...endpoint, secret: sealed };
    }));
  return { value: { ...value, secret: await unseal(ctx.config, value.secret) }, replayed };
}
