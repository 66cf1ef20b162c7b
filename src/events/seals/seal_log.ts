import type { Ctx } from "../../platform/ctx.ts";
import { insertSeal, type Seal } from "./queries.ts";

/** Events that one seal covers at the most: so many are read again to check it. */
const AT_ONCE = 5000;

/**
 * Seals the next stretch of the log, as far as nothing can still appear in it. The seal is logged as well, so that a copy
 * of it is kept where nobody who can write to the database can reach it.
 *
 * @returns the seal, if there was anything to seal
 */
export async function sealLog(ctx: Ctx): Promise<{ seal?: Seal; mayBeMore: boolean }> {
  const seal = await insertSeal(ctx.sql, await ctx.horizon.settled(), AT_ONCE);
  if (seal) ctx.log.info(`log sealed up to event ${seal.position}: ${seal.hash}`, { count: seal.events });
  return { seal, mayBeMore: seal?.events === AT_ONCE };
}
