import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { type Cart, closeCart } from "./cart.ts";
import { cartExpired } from "./events.ts";
import { lockDueCarts, writeCarts } from "./queries.ts";

/**
 * Ends carts that nobody changed for too long, with their events. Passes over those that somebody is changing right now: they
 * are not due any more then.
 *
 * @param ids which may be due
 * @returns those that were
 */
export async function endDueCarts(tx: Tx, ctx: Ctx, ids: string[]): Promise<Cart[]> {
  const now = ctx.clock.now();
  const due = await lockDueCarts(tx, now, ids);
  if (due.length === 0) return due;
  const ended = due.map((cart) => closeCart(now, cart, { status: "expired" }));
  await writeCarts(
    tx,
    ctx,
    ended.map(({ cart, changes }) => ({ cart, event: cartExpired, data: { ...cart, changes } })),
  );
  return due;
}
