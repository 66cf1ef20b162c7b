import type { z } from "@hono/zod-openapi";
import type { ScheduleBody, ScheduleSchema, ScheduleSummarySchema } from "./schemas.ts";

/** A destination's law as staff import it. */
export type NewSchedule = z.output<typeof ScheduleBody>;
/** As it is kept, with every duty rate. */
export type WholeSchedule = z.output<typeof ScheduleSchema>;
/** As it is kept, with only the number of its duty rates. */
export type ScheduleSummary = z.output<typeof ScheduleSummarySchema>;
