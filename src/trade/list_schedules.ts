import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import { dayOf } from "./day.ts";
import { listSchedulesInForce } from "./queries.ts";
import type { ScheduleSummary } from "./schedule.ts";

/** The schedule of each destination that is in force on a day, by destination. */
export async function listSchedules(
  ctx: Ctx,
  filter: { destination?: string; on?: string; cursor?: [string]; limit: number },
): Promise<Page<ScheduleSummary>> {
  const rows = await listSchedulesInForce(ctx.sql, {
    destination: filter.destination,
    day: filter.on ?? dayOf(ctx.clock.now()),
    afterDestination: filter.cursor?.[0],
    limit: filter.limit,
  });
  return toPage(rows, filter.limit, (last) => [last.destination]);
}
