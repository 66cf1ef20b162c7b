import type { Ctx } from "../platform/ctx.ts";
import { type AskedPage, type Page, toPage } from "../platform/page.ts";
import type { Endpoint } from "./endpoint.ts";
import * as queries from "./queries.ts";

/** Endpoints, newest first. */
export async function listEndpoints(
  ctx: Ctx,
  { cursor, limit }: AskedPage,
): Promise<Page<Endpoint>> {
  const rows = await queries.listEndpoints(ctx.sql, { beforeId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}
