import { type Ctx, isStaff } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError, requireVersion } from "../platform/errors.ts";
import { type ChangeReturn, nextVersion, refuseTransition, type Return } from "./return.ts";
import { lockReturnAndOrder, writeReturn } from "./steps.ts";

/**
 * Approves, rejects or cancels a return. Repeating what was done changes nothing.
 *
 * @throws not_found, version_mismatch, invalid_transition, forbidden
 */
export async function patchReturn(
  ctx: Ctx,
  input: { id: string; change: ChangeReturn; expectedVersion?: number },
): Promise<Return> {
  return await transaction(ctx.sql, async (tx) => {
    const { order, before } = await lockReturnAndOrder(tx, ctx, input.id);
    requireVersion("return", before.version, input.expectedVersion);
    const { status, staff_note = before.staff_note } = input.change;
    if (input.change.staff_note !== undefined && !isStaff(ctx.actor)) {
      throw new AppError("forbidden", "Only staff may set these.", {
        errors: [{ pointer: "/staff_note", code: "staff_only", message: "Leave it out." }],
      });
    }
    if (status === before.status && staff_note === before.staff_note) return before;
    refuseTransition(ctx.actor, before, status, "/status");
    const ret = nextVersion(ctx.clock.now(), before, { status, staff_note });
    await writeReturn(tx, ctx, order, ret);
    return ret;
  });
}
