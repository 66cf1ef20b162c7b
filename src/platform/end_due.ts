import type { Ctx } from "./ctx.ts";
import { type Fragment, isRefusal, isUnavailable, type Sql } from "./db.ts";
import { errorFields } from "./log.ts";

/** What one transaction takes on: so many things, and so many lines of them, or else a single one that has more. */
const MAX_THINGS = 100;
const MAX_LINES = 2000;

/**
 * What is due in a table with `id` and `expires_at`, the oldest first: as many as one transaction takes on.
 *
 * @param isDue the condition, which an index on `expires_at` serves
 * @param lines how many lines a row has to be ended with
 * @param except ids to pass over
 */
export async function listDue(
  sql: Sql,
  table: string,
  { isDue, lines }: { isDue: Fragment; lines: Fragment },
  except: string[],
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from (
      select id, expires_at, sum(lines) over (order by expires_at, id) - lines as before
      from (
        select id, expires_at, ${lines} as lines from ${sql(table)}
        where ${isDue} and id <> all(${except}::uuid[])
        order by expires_at, id limit ${MAX_THINGS}
      ) due
    ) due where before < ${MAX_LINES} order by expires_at, id`;
  return rows.map(({ id }) => id);
}

/**
 * Ends a batch of what is due: all of it in one transaction, or, where the database refuses that, each thing in one of its
 * own. What cannot be ended is logged, and the batch after it is taken at once: so it keeps nobody from their turn, however
 * much of it there is.
 *
 * @param list what is due ({@link listDue}), without these
 * @param end passes over what is not due any more, and gives how many it ended
 * @returns how many were ended, and whether more may be due
 */
export async function endDue(
  ctx: Ctx,
  what: string,
  list: (except: string[]) => Promise<string[]>,
  end: (ids: string[]) => Promise<number>,
): Promise<{ expired: number; mayBeMore: boolean }> {
  const failed: string[] = [];
  let expired = 0;
  for (let known = -1; known < failed.length;) {
    known = failed.length;
    const ids = await list(failed);
    if (ids.length > 0) expired += await endAll(ctx, what, ids, end, failed);
  }
  if (expired > 0) ctx.bell.ring("waybill_events");
  return { expired, mayBeMore: expired > 0 };
}

async function endAll(
  ctx: Ctx,
  what: string,
  ids: string[],
  end: (ids: string[]) => Promise<number>,
  failed: string[],
): Promise<number> {
  try {
    return await end(ids);
  } catch {
    // Each says for itself why.
  }
  let ended = 0;
  for (const id of ids) {
    try {
      ended += await end([id]);
    } catch (error) {
      if (isAway(error)) throw error;
      ctx.log.error(`${what} cannot be ended: ${id}`, errorFields(error));
      failed.push(id);
    }
  }
  return ended;
}

function isAway(error: unknown): boolean {
  return isUnavailable(error) && !isRefusal(error);
}
