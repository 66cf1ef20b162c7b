import type { z } from "@hono/zod-openapi";
import { type Actor, actorRole, type Ctx, isOwn, isStaff } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import type { LoggedEvent } from "../platform/event_log.ts";
import { notFound } from "../platform/errors.ts";
import { type Page, toPage } from "../platform/page.ts";
import { type Read, readThrough } from "../platform/read_through.ts";
import type { Order } from "./order.ts";
import { findOrder, listTimeline, lockOrder } from "./queries.ts";
import type { TimelineEntrySchema, TimelineQuery } from "./schemas.ts";
import { orderView } from "./view.ts";

/** How long an order may stay in the cache, in milliseconds; each change replaces it at once. */
const ORDER_TTL_MS = 300_000;

export const orderKey = (id: string) => `orders:${id.toLowerCase()}`;

/** Decided on the order itself, after it was read, so a cached order is guarded like a stored one. */
export function mayRead(actor: Actor, order: Pick<Order, "user_id">): boolean {
  return isStaff(actor) || isOwn(actor, order.user_id);
}

/** The order and the text that answers it: what is cached is the answer. @throws not_found, also for another's order */
export async function getOrder(ctx: Ctx, id: string): Promise<Read<Order>> {
  const read = await readThrough(ctx, orderKey(id), ORDER_TTL_MS, async () => {
    const found = await findOrder(ctx.sql, id);
    return found && { version: found.version, value: orderView(found) };
  });
  if (read && mayRead(ctx.actor, read.value)) return read;
  // Whether it was in the cache would tell a stranger that it exists.
  ctx.cacheStatus = undefined;
  throw notFound("order");
}

/** The same for an answer that is not the order's own: whether that was in the cache says nothing of it. */
export async function getReadableOrder(ctx: Ctx, id: string): Promise<Order> {
  const { value } = await getOrder(ctx, id);
  ctx.cacheStatus = undefined;
  return value;
}

/** Holds an order's row for a change that the caller asks for by its id. @throws not_found, also for another's order */
export async function lockReadableOrder(tx: Tx, ctx: Ctx, id: string): Promise<Order> {
  const order = await lockOrder(tx, id);
  if (!order || !mayRead(ctx.actor, order)) throw notFound("order");
  return order;
}

/** May the caller read this order, and what belongs to it? Staff may, whosever it is. */
export async function mayReadOrder(ctx: Ctx, orderId: string): Promise<boolean> {
  if (isStaff(ctx.actor)) return true;
  const order = await findOrder(ctx.sql, orderId);
  return order !== undefined && mayRead(ctx.actor, order);
}

/** Keeps every version before this one out of the cache, for when nobody knows whether it was committed. */
export async function forgetOrder(ctx: Ctx, order: Order): Promise<void> {
  await ctx.cache.drop(orderKey(order.id), order.version, ORDER_TTL_MS);
}

/** The same for orders that these events tell a change of. */
export async function forgetChangedOrders(
  ctx: Pick<Ctx, "cache">,
  events: readonly LoggedEvent[],
): Promise<void> {
  await Promise.all(events.map(async ({ aggregate_type, aggregate_id, data: { version } }) => {
    if (aggregate_type !== "order" || typeof version !== "number" || version === 1) return;
    await ctx.cache.drop(orderKey(aggregate_id), version, ORDER_TTL_MS);
  }));
}

/** For so long after a change an older order may be in the cache, and as long again, as clocks differ and commits take time. */
const OUTDATED_MS = 2 * ORDER_TTL_MS;

/**
 * The same before somebody is told of these events: who reads an order then finds none older than that, even if the process
 * that changed it has not come to say so to the cache.
 */
export async function forgetToldOrders(
  ctx: Pick<Ctx, "cache" | "clock">,
  events: readonly LoggedEvent[],
): Promise<void> {
  const since = new Date(ctx.clock.now().getTime() - OUTDATED_MS).toISOString();
  await forgetChangedOrders(ctx, events.filter(({ occurred_at }) => occurred_at >= since));
}

/** Puts an order that was just committed into the cache; an older version can no longer replace it there. */
export async function rememberOrder(ctx: Ctx, order: Order): Promise<void> {
  await ctx.cache.put(orderKey(order.id), order.version, JSON.stringify(orderView(order)), ORDER_TTL_MS);
}

export type TimelineEntry = z.infer<typeof TimelineEntrySchema>;

/**
 * What happened to an order, oldest first, from the log: by pages, as its customer may change it as often as they like.
 *
 * @throws not_found
 */
export async function getOrderTimeline(
  ctx: Ctx,
  { id, cursor, limit }: { id: string } & z.output<typeof TimelineQuery>,
): Promise<Page<TimelineEntry>> {
  const order = await getReadableOrder(ctx, id);
  const rows = await listTimeline(ctx.sql, { orderId: order.id, after: cursor?.[0] ?? 0, limit });
  const page = toPage(rows, limit, ({ sequence }) => [sequence]);
  if (isStaff(ctx.actor)) return page;
  return {
    ...page,
    data: page.data.map((entry) => ({ ...entry, actor: actorRole(entry.actor, order.user_id) })),
  };
}
