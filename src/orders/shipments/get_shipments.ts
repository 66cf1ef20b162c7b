import type { z } from "@hono/zod-openapi";
import { type Ctx, whoseToList } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type AskedPage, type Page, toPage } from "../../platform/page.ts";
import { getReadableOrder, mayReadOrder } from "../get_order.ts";
import { findShipment, listShipmentRows, listShipmentsOfOrder } from "./queries.ts";
import type { ShipmentsQuery } from "./schemas.ts";
import type { Shipment } from "./shipment.ts";

/** @throws not_found, also for one of another's order */
export async function getShipment(ctx: Ctx, id: string): Promise<Shipment> {
  const shipment = await findShipment(ctx.sql, id);
  if (!shipment || !await mayReadOrder(ctx, shipment.order_id)) throw notFound("shipment");
  return shipment;
}

/** What left of an order so far, oldest first. @throws not_found, also for another's order */
export async function listOrderShipments(
  ctx: Ctx,
  { id, cursor, limit }: { id: string } & AskedPage,
): Promise<Page<Shipment>> {
  const order = await getReadableOrder(ctx, id);
  const rows = await listShipmentsOfOrder(ctx.sql, { orderId: order.id, afterId: cursor?.[0], limit });
  return toPage(rows, limit, (last) => [last.id]);
}

/** Which shipments, newest first. All filters must hold; times are half-open, `from` ≤ t < `to`. */
export type ListShipments = z.infer<typeof ShipmentsQuery>;

/** The shipments of the caller's orders; staff see everyone's. @throws forbidden for another user's */
export async function listShipments(ctx: Ctx, filter: ListShipments): Promise<Page<Shipment>> {
  const user_id = whoseToList(ctx.actor, filter.user_id, "shipments");
  return toPage(await listShipmentRows(ctx.sql, { ...filter, user_id }), filter.limit, ({ id }) => [id]);
}
