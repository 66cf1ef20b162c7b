import { lockLevels, moveStock } from "../inventory/mod.ts";
import { booked, changingOrder, type Order, stockOf, writeOrders } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { requireVersion } from "../platform/errors.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { updateReceived } from "./queries.ts";
import { sendReturnRefund } from "./refund_return.ts";
import {
  nextVersion,
  type Receipt,
  receivedItems,
  refuseTransition,
  type Return,
  unitsReceived,
  withReturned,
} from "./return.ts";
import { beginReturnRefund, lockReturnAndOrder, writeReturn } from "./steps.ts";

/**
 * Records what came back of a return: units that are fit for sale are on hand again, the order counts all of them, and
 * where that is asked for their refund begins. All of it or nothing; the order's row is locked first, then the return,
 * then stock in the order of SKUs.
 *
 * @throws not_found, version_mismatch, invalid_transition, return_refused, refund_refused, idempotency_key_reused,
 *   idempotency_in_progress
 */
export async function receiveReturn(
  ctx: Ctx,
  input: { id: string; receipt: Receipt; expectedVersion?: number },
  idempotency: Idempotency | undefined,
): Promise<Outcome<Return>> {
  const { refund } = input.receipt;
  const { value, replayed } = await changingOrder(ctx, (tx, written) =>
    once(tx, idempotency, async () => {
      const { order: before, before: asked } = await lockReturnAndOrder(tx, ctx, input.id);
      requireVersion("return", asked.version, input.expectedVersion);
      const { order, received } = await receive(tx, ctx, before, asked, input.receipt);
      written(order);
      return refund
        ? await beginReturnRefund(tx, ctx, { order, before: received, pointer: "/refund", written })
        : received;
    }));
  return { value: refund ? await sendReturnRefund(ctx, value) : value, replayed };
}

async function receive(tx: Tx, ctx: Ctx, before: Order, asked: Return, receipt: Receipt) {
  refuseTransition(ctx.actor, asked, "received", "path/id");
  const received = nextVersion(ctx.clock.now(), asked, {
    status: "received",
    items: receivedItems(asked.items, receipt.items),
    staff_note: receipt.staff_note ?? asked.staff_note,
  });
  await updateReceived(tx, received);
  await writeReturn(tx, ctx, before, received);
  // A refund that ends the order frees what has not left: a second move, of levels that may come before these.
  if (receipt.refund) await lockLevels(tx, before.items.map(({ sku }) => sku));
  const restocked = received.items.map((item) => ({ line: item.line, quantity: item.restocked }));
  await moveStock(tx, ctx, "return", [stockOf(before, restocked.filter(({ quantity }) => quantity > 0))]);
  const write = booked(ctx, before, [], withReturned(before, unitsReceived(received)));
  await writeOrders(tx, ctx, [write]);
  return { order: write.order, received };
}
