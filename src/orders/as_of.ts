import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { orderCreated, orderProcessed } from "./events.ts";
import { mayRead } from "./get_order.ts";
import type { Order, OrderItem } from "./order.ts";
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
      const { changes: _, cancelled_units, ...header } = data;
      order = { ...order, ...header, items: withCancelled(order.items, cancelled_units as CancelledUnits) };
    }
  }
  return order && orderView(order);
}

/** All cancelled units of an order, as its events tell them. */
type CancelledUnits = { line: number; quantity: number }[] | undefined;

function withCancelled(items: OrderItem[], units: CancelledUnits = []): OrderItem[] {
  const byLine = new Map(units.map(({ line, quantity }) => [line, quantity]));
  return items.map((item) => ({ ...item, cancelled: byLine.get(item.line) ?? 0 }));
}

/** The order as it was at a time, from the log. @throws not_found, also for one that was placed later */
export async function getOrderAsOf(ctx: Ctx, id: string, time: string): Promise<Order> {
  const order = foldOrder(await listOrderStates(ctx.sql, id, new Date(time)));
  if (!order || !mayRead(ctx.actor, order)) throw notFound("order");
  return order;
}
