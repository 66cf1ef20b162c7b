import { lockOrder, mayRead, type Order } from "../orders/mod.ts";
import { beginRefund } from "../payments/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { EVENT_OF_STATUS } from "./events.ts";
import { findReturn, lockReturn, updateReturn } from "./queries.ts";
import { nextVersion, refuseTransition, type Return, unitsReceived } from "./return.ts";

/**
 * Holds a return and its order until the transaction ends, the order first: under its row all of its goods and money move.
 *
 * @throws not_found, also for another's
 */
export async function lockReturnAndOrder(
  tx: Tx,
  ctx: Ctx,
  id: string,
): Promise<{ order: Order; before: Return }> {
  const known = await findReturn(tx, id);
  const order = known && await lockOrder(tx, known.order_id);
  if (!order || !mayRead(ctx.actor, order)) throw notFound("return");
  return { order, before: (await lockReturn(tx, id))! };
}

/** Writes a return that changed, but for its items, and tells the log. */
export async function writeReturn(tx: Tx, ctx: Ctx, order: Order, ret: Return): Promise<void> {
  await updateReturn(tx, ret);
  await tellOfReturn(tx, ctx, order, ret);
}

/** Appends the event of a return's status; each version has one. */
export async function tellOfReturn(tx: Tx, ctx: Ctx, order: Order, ret: Return): Promise<void> {
  await appendEvents(tx, ctx, [{
    event: EVENT_OF_STATUS[ret.status],
    aggregateId: ret.id,
    sequence: ret.version,
    userId: order.user_id,
    data: ret,
  }]);
}

/**
 * Reserves the refund of what came back of a locked return. `sendReturnRefund` follows after the commit.
 *
 * @param order as the caller has written it
 * @param pointer what of the request asks for it
 * @throws invalid_transition, refund_refused
 */
export async function beginReturnRefund(
  tx: Tx,
  ctx: Ctx,
  { order, before, pointer, written, ...ask }: {
    order: Order;
    before: Return;
    include_shipping?: boolean;
    reason?: string;
    pointer: string;
    written: (order: Order) => void;
  },
): Promise<Return> {
  refuseTransition(ctx.actor, before, "refunded", pointer || "path/id");
  const { id, status, currency, amount } = await beginRefund(tx, ctx, order, {
    items: unitsReceived(before),
    include_shipping: ask.include_shipping,
    reason: ask.reason ?? before.reason,
    return_id: before.id,
  }, written).catch((error) => {
    throw refusedAt(pointer, error);
  });
  const refund = { id, status, currency, amount };
  const ret = nextVersion(ctx.clock.now(), before, { status: "refunded", refund });
  await writeReturn(tx, ctx, order, ret);
  return ret;
}

/** The refund's items are the return's, not the request's, so no pointer into them leads anywhere. */
function refusedAt(pointer: string, error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== "refund_refused") return error;
  return new AppError(error.code, error.message, {
    errors: error.errors.map((each) => ({ ...each, pointer })),
    cause: error,
  });
}
