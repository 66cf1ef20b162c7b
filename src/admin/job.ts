export const JOB_STATES = ["created", "retry", "active", "completed", "cancelled", "failed"] as const;
export type JobState = typeof JOB_STATES[number];

/** A job as pg-boss keeps it, in our words. */
export interface Job {
  id: string;
  queue: string;
  state: JobState;
  /** What it was made with, without anything secret: jobs name things by their ids. */
  data: Record<string, unknown>;
  /** How often it was begun. */
  attempts: number;
  max_attempts: number;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  /** When its next attempt may begin. */
  start_after: string;
  /** Why its last attempt failed. */
  error: { name: string; message: string } | null;
  /** Of a dead letter: the job that failed for good. */
  dead_letter_of: { queue: string; id: string } | null;
}

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
