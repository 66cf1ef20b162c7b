import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { findSchedule } from "./queries.ts";
import type { WholeSchedule } from "./schedule.ts";

/** A schedule with all its duty rates, whether it is in force or not. @throws not_found */
export async function getSchedule(ctx: Ctx, id: string): Promise<WholeSchedule> {
  const schedule = await findSchedule(ctx.sql, id);
  if (!schedule) throw notFound("trade schedule");
  return schedule;
}
