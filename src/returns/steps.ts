import { type LineUnits, lockOrder, mayRead, type Order } from "../orders/mod.ts";
import { beginRefund, listPastRefunds } from "../payments/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { EVENT_OF_STATUS } from "./events.ts";
import { findReturn, getReturnRefund, lockReturn, updateReturn } from "./queries.ts";
import {
  amountFailed,
  nextVersion,
  refuseNotReceived,
  refuseTransition,
  type Return,
  unitsNotRefunded,
  unitsReceived,
} from "./return.ts";

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

/** What staff ask of the refund of a return. */
interface AskReturnRefund {
  /** The units to be refunded; all that came back unless said. */
  items?: LineUnits[];
  include_shipping?: boolean;
  reason?: string;
  /** Staff gave it back themselves. */
  manual?: boolean;
}

/**
 * Ends a locked return with the refund of what came back, which is reserved here; `sendReturnRefund` follows after the
 * commit. Where nothing is left to be given back, or is to be, it ends without one.
 *
 * @param order as the caller has written it
 * @param pointer what of the request asks for it
 * @throws invalid_transition, refund_refused
 */
export async function beginReturnRefund(
  tx: Tx,
  ctx: Ctx,
  { order, before, pointer, written, ...ask }: AskReturnRefund & {
    order: Order;
    before: Return;
    pointer: string;
    written: (order: Order) => void;
  },
): Promise<Return> {
  refuseTransition(ctx.actor, before, "refunded", pointer || "path/id");
  const refund = ask.items
    ? await refundAsked(tx, ctx, order, before, { ...ask, items: ask.items }, written)
    : await refundReceived(tx, ctx, order, before, ask, written).catch((error) => {
      throw refusedAt(pointer, error);
    });
  const ret = nextVersion(ctx.clock.now(), before, { status: "refunded", refund });
  await writeReturn(tx, ctx, order, ret);
  return ret;
}

type Ask = AskReturnRefund & { items: LineUnits[] };

/** Reserves the refund of the units that staff name; null for none. */
async function refundAsked(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  ret: Return,
  { items, include_shipping, reason = ret.reason, manual }: Ask,
  written: (order: Order) => void,
): Promise<Return["refund"]> {
  refuseNotReceived(ret, items);
  if (items.length === 0) return null;
  const ask = { items, include_shipping, reason, manual, return_id: ret.id };
  const { id } = await beginRefund(tx, ctx, order, ask, written);
  return await getReturnRefund(tx, id);
}

/** Reserves the refund of all that came back, or what failed of it before; null where it was refunded before. */
async function refundReceived(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  ret: Return,
  ask: AskReturnRefund,
  written: (order: Order) => void,
): Promise<Return["refund"]> {
  const units = unitsReceived(ret);
  const refunds = await listPastRefunds(tx, order.id);
  // What is under way may fail, and then there is something to give: until that is known the return waits.
  const isPending = refunds.some(({ status }) => status === "pending");
  const nullIfNothing = (error: unknown) => {
    if (!isPending && isNothingLeft(error)) return null;
    throw error;
  };
  const amount = amountFailed(order, ret, refunds);
  if (amount === 0) return null;
  if (amount !== undefined) {
    const rest = { amount, reason: ask.reason ?? ret.reason, manual: ask.manual, return_id: ret.id };
    return await beginRefund(tx, ctx, order, rest, written)
      .then(({ id }) => getReturnRefund(tx, id), nullIfNothing);
  }
  const items = isPending ? units : unitsNotRefunded(units, order.items, refunds);
  return await refundAsked(tx, ctx, order, ret, { ...ask, items }, written).catch(nullIfNothing);
}

/**
 * Is it refused because there is nothing to give: all that was paid went back, or these units cost nothing? What a bank holds
 * in a dispute may come back.
 */
function isNothingLeft(error: unknown): boolean {
  return error instanceof AppError && error.code === "refund_refused" &&
    error.errors.every(({ refundable, disputed }) => refundable === 0 && disputed === undefined);
}

/** The refund's items are the return's, not the request's, so no pointer into them leads anywhere. */
function refusedAt(pointer: string, error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== "refund_refused") return error;
  return new AppError(error.code, error.message, {
    errors: error.errors.map((each) => ({ ...each, pointer })),
    cause: error,
  });
}
