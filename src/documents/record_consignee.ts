import {
  type Consignee,
  consigneeRecorded,
  type ConsigneeView,
  consigneeView,
  findConsignee,
  sealConsignee,
  upsertConsignee,
} from "../consignees/mod.ts";
import { lockReadableOrder, type Order } from "../orders/mod.ts";
import { type Ctx, isStaff } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError, type RequireSame } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";

/**
 * Adds or replaces who receives an order's goods. Its owner may until goods leave, staff always. The event says that
 * it was done, and nothing of who it is.
 *
 * @throws not_found, version_mismatch, forbidden, unavailable (no CONSIGNEE_KEY)
 */
export async function recordConsignee(
  ctx: Ctx,
  input: { orderId: string; consignee: Consignee; requireSame: RequireSame },
): Promise<ConsigneeView> {
  return await transaction(ctx.sql, async (tx) => {
    const order = await lockReadableOrder(tx, ctx, input.orderId);
    if (!isStaff(ctx.actor)) refuseTooLate(order);
    const before = await findConsignee(tx, order.id);
    input.requireSame(before && consigneeView(before));
    const sealed = await sealConsignee(ctx.config.consigneeKeys, order.id, input.consignee);
    const stored = await upsertConsignee(tx, sealed, ctx.clock.now());
    await appendEvents(tx, ctx, [{
      event: consigneeRecorded,
      aggregateId: order.id,
      userId: order.user_id,
      data: { order_id: order.id, id_type: sealed.id_type, user_id: order.user_id },
    }]);
    return consigneeView(stored);
  });
}

function refuseTooLate({ status, units_shipped }: Order): void {
  if (units_shipped === 0 && ["PENDING", "PAID", "PROCESSING"].includes(status)) return;
  throw new AppError(
    "forbidden",
    units_shipped > 0
      ? "Goods have left by now: only staff may change who receives them."
      : `The order is ${status}: only staff may change who receives its goods.`,
  );
}
