const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long after each failed attempt the next one comes; the last goes on until {@link GIVE_UP_MS}. */
const DELAYS_MS = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  1 * HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  12 * HOUR,
];
const JITTER = 0.2;
/** A delivery is tried for so long after it was made. */
export const GIVE_UP_MS = 72 * HOUR;
/** Its job comes by itself within this time after it is due, retries and all, unless it was cancelled or no worker is there. */
export const OVERDUE_MS = HOUR;
const MAX_RETRY_AFTER_MS = 24 * HOUR;

/** How one attempt went. */
export interface AttemptResult {
  /** None: there was no answer. */
  status?: number;
  retryAfter?: string;
}

/** What becomes of a delivery after an attempt. */
export type Verdict =
  | { status: "succeeded" }
  | { status: "pending"; nextAttemptAt: Date }
  /**
   * `gone`: the receiver asked for no more. `exhausted`: three days were not enough. `ping`: is tried once. `disabled`: the
   * endpoint is, so nothing was sent.
   */
  | { status: "failed"; because: "gone" | "exhausted" | "ping" | "disabled" };

/**
 * Decides after an attempt: done, again (and when), or never. The last attempt comes at the end of the three days,
 * whatever the receiver asks for.
 *
 * @param attempt the number of the attempt that was made, from 1
 * @param random from 0 to 1, so that those who failed together do not come back together
 */
export function verdictOn(
  now: Date,
  delivery: { createdAt: Date; isPing: boolean },
  attempt: number,
  result: AttemptResult,
  random = Math.random(),
): Verdict {
  const { status = 0, retryAfter } = result;
  if (status >= 200 && status < 300) return { status: "succeeded" };
  if (status === 410) return { status: "failed", because: "gone" };
  if (delivery.isPing) return { status: "failed", because: "ping" };
  const end = delivery.createdAt.getTime() + GIVE_UP_MS;
  if (now.getTime() >= end) return { status: "failed", because: "exhausted" };
  const delay = DELAYS_MS[Math.min(attempt, DELAYS_MS.length) - 1]! * (1 + JITTER * random);
  const asked = status === 429 || status === 503 ? retryAfterMs(now, retryAfter) : 0;
  return {
    status: "pending",
    nextAttemptAt: new Date(Math.min(now.getTime() + Math.max(delay, asked), end)),
  };
}

/** `Retry-After` (seconds or an HTTP date) in milliseconds from now, at most a day; 0 where there is none that makes sense. */
function retryAfterMs(now: Date, header = ""): number {
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * SECOND : Date.parse(header) - now.getTime();
  return Math.min(Math.max(Number.isNaN(ms) ? 0 : ms, 0), MAX_RETRY_AFTER_MS);
}
