import type { RedisConfig } from "../config.ts";
import type { BreakerState } from "./breaker.ts";
import { type Bucket, LocalBuckets, sizesOf, TAKE_AND_READ, type Verdict, verdictOf } from "./limiter.ts";
import { Redis, type RedisOptions } from "./redis.ts";

export type { Bucket, Verdict } from "./limiter.ts";

/** BYPASS: there is no cache to ask, or its value may be older than what this process wrote. Do not fill it. */
export type CacheRead = { status: "HIT"; value: string } | { status: "MISS" } | { status: "BYPASS" };

/** Running totals since the process started. */
export interface CacheCounters {
  hits: number;
  misses: number;
  bypasses: number;
  /** Calls to Redis without a good answer, those the breaker spared included. */
  failures: number;
}

export interface CacheHealth {
  status: "up" | "down" | "in_process";
  latency_ms?: number;
  breaker?: BreakerState;
}

/**
 * Cached JSON texts by key, and rate limits. Nothing here ever rejects or takes longer than 50 ms: without Redis,
 * reads are BYPASS, limits are counted in this process, and writes are made up for later.
 *
 * Values have versions, and an older one never replaces a newer one, so a slow reader's fill cannot undo a
 * change. After an awaited `put` or `drop` no read of this process is answered with an older version, even if
 * Redis was away meanwhile. Other processes have that only if Redis could be reached: a write that failed is
 * made up for as soon as it can be again, but until then, or for the rest of the value's time to live if this
 * process ends first, they may read the older version. Likewise after Redis itself forgets what it acknowledged
 * (it evicts under memory pressure, a replica takes over).
 */
export interface Cache {
  readonly counters: Readonly<CacheCounters>;
  /** Counts one request in its bucket unless that refuses it, and reads one cached value then, in one round trip. */
  admit(bucket: Bucket, key?: string): Promise<{ verdict: Verdict; cached?: CacheRead }>;
  get(key: string): Promise<CacheRead>;
  /** Keeps `value`, a JSON text, as `version` of `key` unless a newer version is known. */
  put(key: string, version: number, value: string, ttlMs: number): Promise<void>;
  /** Forgets every version before `version`, and lets none of them in again for `ttlMs`. */
  drop(key: string, version: number, ttlMs: number): Promise<void>;
  health(): Promise<CacheHealth>;
  close(): Promise<void>;
}

/** Opens the cache in Redis; without one nothing is cached, and requests are counted in this process. */
export async function openCache(target?: RedisConfig, options?: RedisOptions): Promise<Cache> {
  return target ? new RedisCache(await Redis.open(target, options)) : new NoCache();
}

/**
 * Of what is cached: orders, products, levels. Raised when any of these answers changes its fields, so that no release answers
 * with what another has cached (tests/platform/cache_shape_test.ts reminds of it).
 */
export const SHAPE = 4;

/** A value's text in Redis begins with its version, where no value can fake it, and ends with the value. */
const envelope = (version: number, value: string) =>
  `{"version":${version},"shape":${SHAPE},"value":${value}}`;
/** What stands in the place of forgotten versions. */
const tombstone = (version: number) => `{"version":${version}}`;

function openEnvelope(text: string): { version: number; value?: string } | undefined {
  const head = /^{"version":(\d+)(?:,"shape":(\d+))?(,"value":|}$)/.exec(text);
  if (!head) return undefined;
  const isValue = head[3] !== "}" && Number(head[2]) === SHAPE;
  return { version: Number(head[1]), value: isValue ? text.slice(head[0].length, -1) : undefined };
}

/**
 * KEYS: key; ARGV: the highest version that may be replaced, the new text, milliseconds to live. Looks at the head
 * of the old text only, however long the rest.
 */
const PUT = `
local version = string.match(redis.call('GETRANGE', KEYS[1], 0, 31), '^{"version":(%d+)[,}]')
if version and tonumber(version) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`;

/** Writes that Redis did not acknowledge, at most this many keys; with more, everything is distrusted. */
const MAX_UNSETTLED = 50_000;
const SETTLE_AT_ONCE = 50;

class RedisCache implements Cache {
  readonly counters = { hits: 0, misses: 0, bypasses: 0, failures: 0 };
  readonly #redis: Redis;
  readonly #takeAndRead;
  readonly #put;
  readonly #localBuckets = new LocalBuckets();
  readonly #unsettled = new Unsettled();
  #settling: Promise<void> | undefined;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#takeAndRead = redis.script<[allowed: number, backlog: number, value: string | null]>(TAKE_AND_READ);
    this.#put = redis.script<number>(PUT);
  }

  async admit(bucket: Bucket, key?: string): Promise<{ verdict: Verdict; cached?: CacheRead }> {
    const { cost, capacity } = sizesOf(bucket);
    const keys = key === undefined ? [bucket.key] : [bucket.key, key];
    const reply = await this.#ask(() => this.#takeAndRead(keys, [String(cost), String(capacity)]));
    if (!reply) {
      const verdict = this.#localBuckets.take(bucket);
      return {
        verdict,
        cached: key === undefined || !verdict.allowed ? undefined : this.#count({ status: "BYPASS" }),
      };
    }
    const [allowed, backlog, value] = reply;
    const verdict = verdictOf(allowed === 1, bucket, backlog);
    if (key === undefined || !verdict.allowed) return { verdict };
    return { verdict, cached: this.#readOf(key, value) };
  }

  async get(key: string): Promise<CacheRead> {
    const text = await this.#ask(() => this.#redis.commands.get<string>(key));
    return text === undefined ? this.#count({ status: "BYPASS" }) : this.#readOf(key, text);
  }

  put(key: string, version: number, value: string, ttlMs: number): Promise<void> {
    return this.#write(key, version, version, envelope(version, value), ttlMs);
  }

  drop(key: string, version: number, ttlMs: number): Promise<void> {
    return this.#write(key, version, version - 1, tombstone(version), ttlMs);
  }

  async health(): Promise<CacheHealth> {
    const start = performance.now();
    // A Redis that is full, or a replica, answers every PING, and is of no use.
    const up = await this.#ask(() => this.#put(["health"], ["0", tombstone(0), "1000"])) !== undefined;
    const latency = Math.round((performance.now() - start) * 100) / 100;
    return {
      status: up ? "up" : "down",
      latency_ms: up ? latency : undefined,
      breaker: this.#redis.breaker.state,
    };
  }

  close(): Promise<void> {
    return this.#redis.close();
  }

  /** What Redis answers, or undefined if it doesn't. Where it does, failed writes are made up for. */
  async #ask<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await this.#redis.run(call);
      if (this.#unsettled.size > 0 && this.#redis.breaker.state === "closed") this.#settle();
      return answer;
    } catch {
      this.counters.failures++;
      return undefined;
    }
  }

  #readOf(key: string, text: string | null): CacheRead {
    const found = text === null ? undefined : openEnvelope(text);
    // Seen after the answer, not before the question: the write may have failed in between.
    if (this.#unsettled.isStale(key, found?.version)) return this.#count({ status: "BYPASS" });
    return this.#count(
      found?.value === undefined ? { status: "MISS" } : { status: "HIT", value: found.value },
    );
  }

  #count(read: CacheRead): CacheRead {
    if (read.status === "HIT") this.counters.hits++;
    else if (read.status === "MISS") this.counters.misses++;
    else this.counters.bypasses++;
    return read;
  }

  async #write(key: string, version: number, replaces: number, text: string, ttlMs: number): Promise<void> {
    const done = await this.#ask(() => this.#put([key], [String(replaces), text, String(ttlMs)]));
    if (done === undefined) this.#unsettled.add(key, version, ttlMs);
    else this.#unsettled.settle(key, version);
  }

  #settle(): void {
    this.#settling ??= this.#settleAll().finally(() => this.#settling = undefined);
  }

  /** Drops what failed writes were about to replace, until Redis is away again. */
  async #settleAll(): Promise<void> {
    for (;;) {
      const batch = this.#unsettled.next(SETTLE_AT_ONCE);
      if (batch.length === 0) return;
      const failures = this.counters.failures;
      await Promise.all(batch.map(({ key, version, ttlMs }) => this.drop(key, version, ttlMs)));
      if (this.counters.failures > failures) return;
    }
  }
}

/** The writes of this process that Redis has not acknowledged, until it does or the older values have expired. */
class Unsettled {
  readonly #writes = new Map<string, { version: number; until: number }>();
  #distrustUntil = 0;

  get size(): number {
    return this.#writes.size;
  }

  add(key: string, version: number, ttlMs: number): void {
    const until = performance.now() + ttlMs;
    if (this.#writes.size >= MAX_UNSETTLED) {
      this.#distrustUntil = Math.max(this.#distrustUntil, until);
      return;
    }
    this.#writes.set(key, { version: Math.max(version, this.#writes.get(key)?.version ?? 0), until });
  }

  settle(key: string, version: number): void {
    const known = this.#writes.get(key);
    if (known && known.version <= version) this.#writes.delete(key);
  }

  /** Whether Redis may have `version` of `key` (undefined: nothing) although this process wrote a newer one. */
  isStale(key: string, version: number | undefined): boolean {
    const now = performance.now();
    const known = this.#writes.get(key);
    return now < this.#distrustUntil ||
      (known !== undefined && now < known.until && version !== undefined && version < known.version);
  }

  /** The oldest of them, at most `count`. */
  next(count: number): { key: string; version: number; ttlMs: number }[] {
    const now = performance.now();
    const writes = [];
    for (const [key, { version, until }] of this.#writes) {
      if (writes.length === count) break;
      if (until > now) writes.push({ key, version, ttlMs: Math.ceil(until - now) });
      else this.#writes.delete(key);
    }
    return writes;
  }
}

/**
 * A process without Redis counts requests by itself, and keeps no values: the worker and other API processes change what
 * it reads, and could not tell it.
 */
class NoCache implements Cache {
  readonly counters = { hits: 0, misses: 0, bypasses: 0, failures: 0 };
  readonly #buckets = new LocalBuckets();

  async admit(bucket: Bucket, key?: string): Promise<{ verdict: Verdict; cached?: CacheRead }> {
    const verdict = this.#buckets.take(bucket);
    return key === undefined || !verdict.allowed ? { verdict } : { verdict, cached: await this.get(key) };
  }

  get(_key: string): Promise<CacheRead> {
    this.counters.bypasses++;
    return Promise.resolve({ status: "BYPASS" });
  }

  put(): Promise<void> {
    return Promise.resolve();
  }

  drop(): Promise<void> {
    return Promise.resolve();
  }

  health(): Promise<CacheHealth> {
    return Promise.resolve({ status: "in_process" });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
