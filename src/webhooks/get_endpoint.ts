import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { findEndpoint } from "./queries.ts";

/** @throws not_found */
export async function getEndpoint(ctx: Ctx, id: string): Promise<Endpoint> {
  const endpoint = await findEndpoint(ctx.sql, id);
  if (!endpoint) throw notFound("webhook endpoint");
  return endpoint;
}
