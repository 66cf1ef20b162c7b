import type { Ctx } from "../../platform/ctx.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { listSealRows, type Seal } from "./queries.ts";

/** The chain over the log, the latest seal first. */
export async function listSeals(ctx: Ctx, filter: { cursor?: [number]; limit: number }): Promise<Page<Seal>> {
  const rows = await listSealRows(ctx.sql, { beforePosition: filter.cursor?.[0], limit: filter.limit });
  return toPage(rows, filter.limit, (last) => [last.position]);
}
