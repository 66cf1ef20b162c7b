import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type Page, toPage } from "../../platform/page.ts";
import type { Dispute } from "./dispute.ts";
import { findDispute, listDisputeRows } from "./queries.ts";
import type { DisputesQuery } from "./schemas.ts";

/** Which disputes, newest first. All filters must hold; times are half-open, `from` ≤ t < `to`. */
export type ListDisputes = z.output<typeof DisputesQuery>;

export async function listDisputes(ctx: Ctx, filter: ListDisputes): Promise<Page<Dispute>> {
  return toPage(await listDisputeRows(ctx.sql, filter), filter.limit, ({ id }) => [id]);
}

/** @throws not_found */
export async function getDispute(ctx: Ctx, id: string): Promise<Dispute> {
  const dispute = await findDispute(ctx.sql, id);
  if (!dispute) throw notFound("dispute");
  return dispute;
}
