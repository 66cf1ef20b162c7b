import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { AppError, requireVersion } from "../platform/errors.ts";
import { type ChangeOrder, changeOrder } from "./change.ts";
import { changingOrder } from "./changing_order.ts";
import { lockReadableOrder } from "./get_order.ts";
import type { Order } from "./order.ts";
import { leftOfSale } from "./ledger/left_of_sale.ts";
import { findCashOfPayments } from "./ledger/queries.ts";
import { deliverRest, shipRest } from "./shipments/steps.ts";
import { writeOrders } from "./write_orders.ts";

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
  return await changingOrder(ctx, async (tx, written) => {
    const before = await lockReadableOrder(tx, ctx, input.id);
    requireVersion("order", before.version, input.expectedVersion);
    const left = await leftOfSale(tx, before);
    const { order, transactions } = changeOrder(ctx.clock.now(), ctx.actor, before, input.change, left);
    if (order === before) return before;
    if (input.change.status === "REFUNDED") await refusePayments(tx, before);
    if (order.units_shipped > before.units_shipped) await shipRest(tx, ctx, before);
    if (order.units_delivered > before.units_delivered) await deliverRest(tx, ctx, before);
    written(order);
    await writeOrders(tx, ctx, [{ before, order, transactions }]);
    return order;
  });
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
  }).catch(refuseCancellation);
}

/** Throws the refusal of a status as one of a call whose body names none. */
function refuseCancellation(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== "invalid_transition") throw error;
  const { code, message, errors } = error;
  throw new AppError(code, message, {
    errors: errors.map(({ allowed, ...each }) => ({
      ...each,
      pointer: "",
      message: allowed ? message : each.message,
    })),
  });
}

/** Money of a payment goes back by a refund of it, or it would be given twice. */
async function refusePayments(tx: Tx, order: Order): Promise<void> {
  if (await findCashOfPayments(tx, order.id) === 0) return;
  throw new AppError("invalid_transition", "This order has payments that would not know of it.", {
    errors: [{
      pointer: "/status",
      code: "invalid_transition",
      message:
        "Refund it: POST /v1/orders/{id}/refunds, with `manual` where you gave the money back yourselves",
    }],
  });
}
