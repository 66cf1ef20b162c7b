import { changingOrder, type LineUnits } from "../orders/mod.ts";
import { findRefund, sendRefund } from "../payments/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { requireVersion } from "../platform/errors.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import type { Return } from "./return.ts";
import { findReturn } from "./queries.ts";
import { beginReturnRefund, lockReturnAndOrder } from "./steps.ts";

/**
 * Refunds the units that came back, with their goods, duty and tax, as far as they were not refunded before. Once, however
 * many ask at once; again only where the provider refused the refund before.
 *
 * @throws not_found, version_mismatch, invalid_transition, refund_refused, idempotency_key_reused,
 *   idempotency_in_progress
 */
export async function refundReturn(
  ctx: Ctx,
  input: {
    id: string;
    items?: LineUnits[];
    include_shipping?: boolean;
    reason?: string;
    manual?: boolean;
    expectedVersion?: number;
  },
  idempotency: Idempotency,
): Promise<Outcome<Return>> {
  const { id, expectedVersion, ...ask } = input;
  const { value, replayed } = await changingOrder(ctx, (tx, written) =>
    once(tx, idempotency, async () => {
      const { order, before } = await lockReturnAndOrder(tx, ctx, id);
      requireVersion("return", before.version, expectedVersion);
      return await beginReturnRefund(tx, ctx, { ...ask, order, before, pointer: "", written });
    }));
  return { value: await sendReturnRefund(ctx, value), replayed };
}

/**
 * Sends the committed refund of a return to its provider, unless that was done: a repeated call goes on where the first
 * one was cut off.
 *
 * @returns the return with its refund as it stands then
 */
export async function sendReturnRefund(ctx: Ctx, ret: Return): Promise<Return> {
  if (ret.refund === null) return ret;
  await sendRefund(ctx, (await findRefund(ctx.sql, ret.refund.id))!);
  return { ...ret, refund: (await findReturn(ctx.sql, ret.id))!.refund };
}
