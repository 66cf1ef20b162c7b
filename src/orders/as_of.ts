import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { orderCreated, orderProcessed } from "./events.ts";
import { mayRead } from "./get_order.ts";
import type { Order, OrderItem } from "./order.ts";
import { listOrderStates } from "./queries.ts";
import { listMovedUnits } from "./shipments/queries.ts";
import { orderView } from "./view.ts";

/** What {@link foldOrder} needs of an event. */
interface OrderEvent {
  type: string;
  data: Record<string, unknown>;
}

/** The order that its events, oldest first, made; undefined without its first. Pure. */
export function foldOrder(events: readonly OrderEvent[]): Order | undefined {
  let order: Order | undefined;
  for (const { type, data } of events) {
    if (type === orderCreated.type) order = data as Order;
    else if (order && type !== orderProcessed.type) {
      const { changes: _, cancelled_units, shipped_units, returned_units, ...header } = data;
      const [cancelled, shipped, returned] = [cancelled_units, shipped_units, returned_units].map(byLine);
      const items = order.items.map((item) => ({
        ...item,
        cancelled: cancelled!(item),
        shipped: shipped!(item),
        returned: returned!(item),
      }));
      order = { ...order, ...header, items };
    }
  }
  return order && orderView(order);
}

/** How many units a line has of those that an event tells. */
function byLine(units: unknown): (item: OrderItem) => number {
  const told = (units ?? []) as { line: number; quantity: number }[];
  const quantities = new Map(told.map(({ line, quantity }) => [line, quantity]));
  return ({ line }) => quantities.get(line) ?? 0;
}

/** Do the events that made this order say of which lines its units left, and came back? Those from before that do not. Pure. */
function tellsLines({ items, units_shipped }: Order): boolean {
  return items.reduce((sum, { shipped }) => sum + shipped, 0) === units_shipped;
}

/** The order as it was at a time, from the log. @throws not_found, also for one that was placed later */
export async function getOrderAsOf(ctx: Ctx, id: string, time: string): Promise<Order> {
  const order = foldOrder(await listOrderStates(ctx.sql, id, new Date(time)));
  if (!order || !mayRead(ctx.actor, order)) throw notFound("order");
  if (tellsLines(order)) return order;
  const units = await listMovedUnits(ctx.sql, { orderId: id, version: order.version });
  const moved = new Map(units.map(({ line, ...counts }) => [line, counts]));
  return { ...order, items: order.items.map((item) => ({ ...item, ...moved.get(item.line) })) };
}
