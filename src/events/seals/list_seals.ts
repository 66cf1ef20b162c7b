import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { listSealRows, type Seal } from "./queries.ts";
import type { SealsQuery } from "./schemas.ts";

/** The chain over the log, the latest seal first. */
export async function listSeals(ctx: Ctx, filter: z.infer<typeof SealsQuery>): Promise<Page<Seal>> {
  const rows = await listSealRows(ctx.sql, { beforePosition: filter.cursor?.[0], limit: filter.limit });
  return toPage(rows, filter.limit, (last) => [last.position]);
}
