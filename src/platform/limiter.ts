import { LRUCache } from "lru-cache";

/**
 * Rate limits by GCRA, the generic cell rate algorithm (a leaky bucket). Each admitted request adds
 * `windowMs / limit` to its bucket's backlog, the backlog drains in real time, and a request that would take it
 * over `limit` requests is refused. So at most `limit` requests pass at once and `limit` per window after that,
 * with no edge between windows at which twice as many pass; one number per bucket is enough, and when to try
 * again is known exactly. A refused request costs nothing.
 */
export interface Bucket {
  /** Where the store keeps it: unique among buckets and cached values. */
  key: string;
  /** Requests that may pass at once, and per window in the long run. */
  limit: number;
  windowMs: number;
}

/** What the bucket of a request said. */
export interface Verdict {
  allowed: boolean;
  limit: number;
  windowMs: number;
  /** Requests that would still pass now. */
  remaining: number;
  /** Until the whole limit is there again. */
  resetMs: number;
  /** Until the next request passes; 0 while one would pass now. */
  retryAfterMs: number;
}

/** More buckets than this in one process and the least used are forgotten, that is, refilled. */
const MAX_LOCAL_BUCKETS = 100_000;

/** In whole microseconds, the resolution of Redis' clock: what a request costs and how much a bucket holds. */
export function sizesOf({ limit, windowMs }: Bucket): { cost: number; capacity: number } {
  const cost = Math.max(1, Math.floor(windowMs * 1000 / limit));
  return { cost, capacity: cost * limit };
}

/**
 * Takes one request from a bucket unless that refuses it, and reads a cached value then. KEYS: the bucket's, and, if
 * wanted, the value's; ARGV: the bucket's cost and capacity. Answers 1 or 0 for allowed, the bucket's backlog, then the
 * value if there is one.
 *
 * The time is Redis', so API processes whose clocks differ share one bucket fairly. If it jumps back (a replica
 * took over), or the window is made shorter, a bucket is full at worst, never more than that: else it would stay full,
 * whatever its callers are told, until the time before is there again. A bucket's key is the time at which its
 * backlog will be drained, and expires then. No shebang: Upstash and Redis before 7 refuse it.
 */
export const TAKE_AND_READ = `
local cost, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local drained = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
local backlog = math.min(math.max(drained - now, 0), capacity)
local allowed = backlog + cost <= capacity
if allowed then backlog = backlog + cost end
if allowed or drained > now + backlog then
  redis.call('SET', KEYS[1], string.format('%.0f', now + backlog), 'PX', math.ceil(backlog / 1000))
end
if not allowed then return { 0, backlog } end
return { 1, backlog, KEYS[2] and redis.call('GET', KEYS[2]) }
`;

/** The same buckets in this process: for one that has no Redis, or whose Redis is away. */
export class LocalBuckets {
  /** When each bucket will be drained, in microseconds of `performance.now()`. */
  readonly #drained = new LRUCache<string, number>({ max: MAX_LOCAL_BUCKETS });

  /** Takes one request from a bucket unless that refuses it. */
  take(bucket: Bucket): Verdict {
    const { cost, capacity } = sizesOf(bucket);
    const now = Math.floor(performance.now() * 1000);
    const before = Math.max((this.#drained.get(bucket.key) ?? 0) - now, 0);
    if (before + cost > capacity) return verdictOf(false, bucket, before);
    this.#drained.set(bucket.key, now + before + cost);
    return verdictOf(true, bucket, before + cost);
  }
}

/** The verdict of a bucket with this backlog, in microseconds. */
export function verdictOf(allowed: boolean, bucket: Bucket, backlog: number): Verdict {
  const { cost, capacity } = sizesOf(bucket);
  return {
    allowed,
    limit: bucket.limit,
    windowMs: bucket.windowMs,
    remaining: Math.floor((capacity - backlog) / cost),
    resetMs: Math.ceil(backlog / 1000),
    retryAfterMs: Math.max(0, Math.ceil((backlog + cost - capacity) / 1000)),
  };
}
