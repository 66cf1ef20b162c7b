/** One event (or a ping) for one endpoint. */
export interface Delivery {
  id: string;
  endpoint_id: string;
  /** The message's `webhook-id` too; null for a ping, whose own id that is. */
  event_id: string | null;
  event_type: string;
  status: "pending" | "succeeded" | "failed";
  /** How many attempts there were. */
  attempts: number;
  next_attempt_at: string | null;
  created_at: string;
  finished_at: string | null;
}

/** One try of a delivery. */
export interface Attempt {
  attempt: number;
  attempted_at: string;
  duration_ms: number;
  response_status: number | null;
  /** The first kilobyte. */
  response_body: string | null;
  error: string | null;
}

/** What a ping is called; no event is. */
export const PING = "webhook.ping";
