import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { listEntries, type OutboxEntry } from "./queries.ts";
import type { OutboxQuery } from "./schemas.ts";

/** What Kafka did not take, the latest first. */
export async function listOutbox(ctx: Ctx, filter: z.infer<typeof OutboxQuery>): Promise<Page<OutboxEntry>> {
  const rows = await listEntries(ctx.sql, { ...filter, beforePosition: filter.cursor?.[0] });
  return toPage(rows, filter.limit, (last) => [last.position]);
}
