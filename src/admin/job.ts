import type { z } from "@hono/zod-openapi";
import type { JobSchema } from "./schemas.ts";

export const JOB_STATES = ["created", "retry", "active", "completed", "cancelled", "failed"] as const;

/** A job as pg-boss keeps it, in our words. Nothing in it is secret: jobs name things by their ids. */
export type Job = Omit<z.infer<typeof JobSchema>, "lane">;

/** A queue: its policy in seconds, and how many jobs it has. */
export interface Queue {
  name: string;
  retry_limit: number;
  retry_delay: number;
  retry_delay_max: number | null;
  time_limit: number;
  heartbeat: number | null;
  exclusive: boolean;
  /** Could be begun now. */
  ready: number;
  /** Wait for their time: retries, mostly. */
  deferred: number;
  active: number;
  failed: number;
  /** Failed for good, and neither sent back nor dismissed. */
  dead_letters: number;
}
