import type { Ctx } from "../../platform/ctx.ts";
import { insertSeal, type Seal } from "./queries.ts";

/** What one seal covers at the most: so much is read again to check it, and hashed within a statement's time limit. */
const AT_ONCE = { limit: 5000, bytes: 16 * 2 ** 20 };

/**
 * Seals the next stretch of the log, as far as nothing can still appear in it. The seal is logged as well, so that a copy
 * of it is kept where nobody who can write to the database can reach it.
 *
 * @returns the seal, if there was anything to seal
 */
export async function sealLog(ctx: Ctx): Promise<{ seal?: Seal; mayBeMore: boolean }> {
  const upTo = await ctx.horizon.settled();
  const seal = await insertSeal(ctx.sql, upTo, AT_ONCE);
  if (seal) ctx.log.info(`log sealed up to event ${seal.position}: ${seal.hash}`, { count: seal.events });
  return { seal, mayBeMore: seal !== undefined && seal.position < upTo };
}
