import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Endpoint } from "./endpoint.ts";
import * as queries from "./queries.ts";
import type { EndpointQuery } from "./schemas.ts";

/** Endpoints, newest first. */
export async function listEndpoints(
  ctx: Ctx,
  { cursor, limit }: z.infer<typeof EndpointQuery>,
): Promise<Page<Endpoint>> {
  const rows = await queries.listEndpoints(ctx.sql, { beforeId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}
