import { moveOrderStock } from "../inventory/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { type ChangeOrder, changeOrder } from "./change.ts";
import { eventOfChange } from "./events.ts";
import { forgetOrder, mayRead, rememberOrder } from "./get_order.ts";
import type { Order } from "./order.ts";
import { lockOrder, updateOrder } from "./queries.ts";

/**
 * Changes an order under its row lock: status by the transition table, with what that does to stock, note,
 * metadata, address. A change that changes nothing leaves version and log alone.
 *
 * @throws not_found, version_mismatch, invalid_transition, forbidden, invalid_request
 */
export async function patchOrder(
  ctx: Ctx,
  input: { id: string; change: ChangeOrder; expectedVersion?: number },
): Promise<Order> {
  let written: Order | undefined;
  const order = await transaction(ctx.sql, async (tx) => {
    const before = await lockOrder(tx, input.id);
    if (!before || !mayRead(ctx.actor, before)) throw notFound("order");
    if (input.expectedVersion !== undefined && input.expectedVersion !== before.version) {
      throw new AppError("version_mismatch", `The order is at version ${before.version} by now.`);
    }
    const { order, changes, stock } = changeOrder(ctx.clock.now(), ctx.actor, before, input.change);
    if (order === before) return before;
    await updateOrder(tx, order);
    written = order;
    if (stock) await moveOrderStock(tx, ctx, stock, [order]);
    const { items: _, ...header } = order;
    await appendEvents(tx, ctx, [{
      event: eventOfChange(before.status, order.status),
      aggregateId: order.id,
      userId: order.user_id,
      data: { ...header, changes },
    }]);
    return order;
  }).catch(async (error) => {
    // The connection may have been lost after the commit: the cache must not go on with the version before.
    if (written) await forgetOrder(ctx, written);
    throw error;
  });
  await rememberOrder(ctx, order);
  return order;
}

/** Cancels an order and frees its stock. Cancelling it again changes nothing. @throws as {@link patchOrder} */
export async function cancelOrder(
  ctx: Ctx,
  input: { id: string; reason?: string; expectedVersion?: number },
): Promise<Order> {
  return await patchOrder(ctx, {
    id: input.id,
    expectedVersion: input.expectedVersion,
    change: { status: "CANCELLED", cancel_reason: input.reason },
  });
}
