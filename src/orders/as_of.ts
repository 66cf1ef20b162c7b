import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { orderCreated, orderProcessed } from "./events.ts";
import { mayRead } from "./get_order.ts";
import type { Order } from "./order.ts";
import { listOrderStates } from "./queries.ts";
import { orderView } from "./view.ts";

/** What {@link foldOrder} needs of an event. */
export interface OrderEvent {
  type: string;
  data: Record<string, unknown>;
}

/** The order that its events, oldest first, made; undefined without its first. Pure. */
export function foldOrder(events: readonly OrderEvent[]): Order | undefined {
  let order: Order | undefined;
  for (const { type, data } of events) {
    if (type === orderCreated.type) order = data as Order;
    else if (order && type !== orderProcessed.type) {
      const { changes: _, ...header } = data;
      order = { ...order, ...header };
    }
  }
  return order && orderView(order);
}

/** The order as it was at a time, from the log. @throws not_found, also for one that was placed later */
export async function getOrderAsOf(ctx: Ctx, id: string, time: string): Promise<Order> {
  const order = foldOrder(await listOrderStates(ctx.sql, id, new Date(time)));
  if (!order || !mayRead(ctx.actor, order)) throw notFound("order");
  return order;
}
