import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import * as queries from "./queries.ts";

/** Removes an endpoint with its deliveries; what waits is not sent any more. @throws not_found */
export async function deleteEndpoint(ctx: Ctx, id: string): Promise<void> {
  if (!await queries.deleteEndpoint(ctx.sql, id)) throw notFound("webhook endpoint");
}
