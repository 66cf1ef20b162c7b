import { type LineUnits, listReturnableLines, lockReadableOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { insertReturn } from "./queries.ts";
import { itemsToReturn, type Return } from "./return.ts";
import { tellOfReturn } from "./steps.ts";

/**
 * Asks that units of an order come back. Under the order's row lock, so that however many ask at once no unit is to come
 * back twice.
 *
 * @throws not_found, return_refused, idempotency_key_reused, idempotency_in_progress
 */
export async function requestReturn(
  ctx: Ctx,
  input: { orderId: string; items: LineUnits[]; reason: string },
  idempotency: Idempotency | undefined,
): Promise<Outcome<Return>> {
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const order = await lockReadableOrder(tx, ctx, input.orderId);
      const items = itemsToReturn(await listReturnableLines(tx, order.id), input.items);
      const now = ctx.clock.now().toISOString();
      const ret: Return = {
        id: newId(),
        order_id: order.id,
        status: "requested",
        items,
        reason: input.reason,
        staff_note: null,
        refund: null,
        version: 1,
        created_at: now,
        updated_at: now,
      };
      await insertReturn(tx, ctx, ret);
      await tellOfReturn(tx, ctx, order, ret);
      return ret;
    }));
}
