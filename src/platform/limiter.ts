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

/** What the buckets of a request said: the one that refuses longest, or else the one with the least left. */
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
function sizes({ limit, windowMs }: Bucket): { cost: number; capacity: number } {
  const cost = Math.max(1, Math.floor(windowMs * 1000 / limit));
  return { cost, capacity: cost * limit };
}

/** What TAKE_AND_READ wants to know of the buckets. */
export function takeArguments(buckets: readonly Bucket[]): { keys: string[]; args: string[] } {
  const keys: string[] = [];
  const args: string[] = [];
  for (const bucket of buckets) {
    const { cost, capacity } = sizes(bucket);
    keys.push(bucket.key);
    args.push(String(cost), String(capacity));
  }
  return { keys, args };
}

/**
 * Takes one request from every bucket, or from none if one of them refuses, and reads a cached value unless
 * refused. KEYS: the buckets, then, if wanted, the value's key; ARGV: cost and capacity of each bucket.
 * Answers 1 or 0 for allowed, each bucket's backlog, then the value if there is one.
 *
 * The time is Redis', so API processes whose clocks differ share one bucket fairly. If it jumps back (a replica
 * took over), or the window is made shorter, a bucket is full at worst, never more than that: else it would stay full,
 * whatever its callers are told, until the time before is there again. A bucket's key is the time at which its
 * backlog will be drained, and expires then. No shebang: Upstash and Redis before 7 refuse it.
 */
export const TAKE_AND_READ = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local buckets = #ARGV / 2
local reply = { 1 }
for i = 1, buckets do
  local cost, capacity = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local drained = tonumber(redis.call('GET', KEYS[i]) or 0) or 0
  local backlog = math.max(drained - now, 0)
  if backlog > capacity then
    backlog = capacity
    redis.call('SET', KEYS[i], string.format('%.0f', now + backlog), 'PX', math.ceil(backlog / 1000))
  end
  if backlog + cost > capacity then reply[1] = 0 end
  reply[i + 1] = backlog
end
if reply[1] == 0 then return reply end
for i = 1, buckets do
  local backlog = reply[i + 1] + tonumber(ARGV[2 * i - 1])
  redis.call('SET', KEYS[i], string.format('%.0f', now + backlog), 'PX', math.ceil(backlog / 1000))
  reply[i + 1] = backlog
end
if #KEYS > buckets then reply[buckets + 2] = redis.call('GET', KEYS[buckets + 1]) end
return reply
`;

/** The same buckets in this process: for one that has no Redis, or whose Redis is away. */
export class LocalBuckets {
  /** When each bucket will be drained, in microseconds of `performance.now()`. */
  readonly #drained = new LRUCache<string, number>({ max: MAX_LOCAL_BUCKETS });

  /** Takes one request from every bucket, or from none if one of them refuses. */
  take(buckets: readonly Bucket[]): Verdict {
    const now = Math.floor(performance.now() * 1000);
    const before = buckets.map(({ key }) => Math.max((this.#drained.get(key) ?? 0) - now, 0));
    const refused = buckets.some((bucket, i) => {
      const { cost, capacity } = sizes(bucket);
      return before[i]! + cost > capacity;
    });
    if (refused) return verdictOf(false, buckets, before);
    const after = buckets.map((bucket, i) => before[i]! + sizes(bucket).cost);
    buckets.forEach(({ key }, i) => this.#drained.set(key, now + after[i]!));
    return verdictOf(true, buckets, after);
  }
}

/** The verdict of the tightest bucket, from the backlogs in microseconds; without buckets everything passes. */
export function verdictOf(
  allowed: boolean,
  buckets: readonly Bucket[],
  backlogs: readonly number[],
): Verdict {
  let tightest: Verdict | undefined;
  for (const [i, bucket] of buckets.entries()) {
    const { cost, capacity } = sizes(bucket);
    const backlog = backlogs[i]!;
    const verdict: Verdict = {
      allowed,
      limit: bucket.limit,
      windowMs: bucket.windowMs,
      remaining: Math.floor((capacity - backlog) / cost),
      resetMs: Math.ceil(backlog / 1000),
      retryAfterMs: Math.max(0, Math.ceil((backlog + cost - capacity) / 1000)),
    };
    if (!tightest || isTighter(verdict, tightest)) tightest = verdict;
  }
  return tightest ??
    { allowed, limit: Infinity, windowMs: 0, remaining: Infinity, resetMs: 0, retryAfterMs: 0 };
}

function isTighter(a: Verdict, b: Verdict): boolean {
  return a.retryAfterMs !== b.retryAfterMs ? a.retryAfterMs > b.retryAfterMs : a.remaining < b.remaining;
}
