import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import type { Delivery } from "./delivery.ts";
import { getEndpoint } from "./get_endpoint.ts";
import * as queries from "./queries.ts";
import type { DeliveryQuery } from "./schemas.ts";

/** An endpoint's deliveries, newest first. @throws not_found */
export async function listDeliveries(
  ctx: Ctx,
  endpointId: string,
  { status, cursor, limit }: z.infer<typeof DeliveryQuery>,
): Promise<Page<Delivery>> {
  await getEndpoint(ctx, endpointId);
  const rows = await queries.listDeliveries(ctx.sql, { endpointId, status, beforeId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}
