import type { Ctx } from "./ctx.ts";
import { isRefusal, isUnavailable } from "./db.ts";
import { errorFields } from "./log.ts";

/** What one transaction takes on: so many things, and so many lines of them, or else a single one that is larger. */
export interface DueBatch {
  things: number;
  lines: number;
}

export const DUE_BATCH: DueBatch = { things: 100, lines: 2000 };

/**
 * Ends a batch of what is due: all of it in one transaction, or, where the database refuses that, each thing in one of its
 * own. So one that cannot be ended, which is always among the oldest, is logged and keeps nobody from their turn.
 *
 * @param ids what is due, the oldest first, as {@link DUE_BATCH} bounds it; `end` passes over what is not due any more
 * @returns how many were ended, and whether more may be due
 */
export async function endDue(
  ctx: Ctx,
  what: string,
  ids: string[],
  end: (ids: string[]) => Promise<number>,
): Promise<{ expired: number; mayBeMore: boolean }> {
  if (ids.length === 0) return { expired: 0, mayBeMore: false };
  let expired = 0;
  try {
    expired = await end(ids);
  } catch (error) {
    if (isAway(error)) throw error;
    for (const id of ids) {
      expired += await end([id]).catch((error) => {
        if (isAway(error)) throw error;
        ctx.log.error(`${what} cannot be ended: ${id}`, errorFields(error));
        return 0;
      });
    }
  }
  ctx.bell.ring("waybill_events");
  return { expired, mayBeMore: expired > 0 };
}

function isAway(error: unknown): boolean {
  return isUnavailable(error) && !isRefusal(error);
}
