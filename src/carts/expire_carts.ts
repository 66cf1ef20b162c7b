import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { closeCart } from "./cart.ts";
import { cartExpired } from "./events.ts";
import { lockDueCarts, writeCarts } from "./queries.ts";

const AT_ONCE = 200;

/**
 * Expires a batch of carts that nobody changed for too long, with their events, in one transaction. Takes them by the
 * index of what is due, and passes over those that somebody is changing right now: they are not due any more then.
 *
 * @returns how many it expired; fewer than a full batch means that no more are due
 */
export async function expireDueCarts(ctx: Ctx): Promise<{ expired: number; mayBeMore: boolean }> {
  const now = ctx.clock.now();
  const expired = await transaction(ctx.sql, async (tx) => {
    const due = await lockDueCarts(tx, now, AT_ONCE);
    if (due.length === 0) return 0;
    const ended = due.map((cart) => closeCart(now, cart, { status: "expired" }));
    await writeCarts(
      tx,
      ctx,
      ended.map(({ cart, changes }) => ({ cart, event: cartExpired, data: { ...cart, changes } })),
    );
    return due.length;
  });
  ctx.bell.ring("waybill_events");
  return { expired, mayBeMore: expired === AT_ONCE };
}
