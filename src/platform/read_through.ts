import type { Ctx } from "./ctx.ts";

/** What a read-through cache keeps under one key. */
export interface Versioned<T> {
  /** Of two values for one key the higher version stays, whoever writes last. */
  version: number;
  value: T;
}

/**
 * Reads `key` from the cache, or else loads it and fills the cache. Who may see the value is the caller's to
 * decide afterwards, on hit and on miss alike. Nothing found is not cached.
 */
export async function readThrough<T>(
  ctx: Ctx,
  key: string,
  ttlMs: number,
  load: () => Promise<Versioned<T> | undefined>,
): Promise<T | undefined> {
  const read = ctx.prefetched?.key === key ? ctx.prefetched.read : await ctx.cache.get(key);
  ctx.cacheStatus = read.status;
  if (read.status === "HIT") return JSON.parse(read.value) as T;
  const loaded = await load();
  if (loaded && read.status === "MISS") {
    await ctx.cache.put(key, loaded.version, JSON.stringify(loaded.value), ttlMs);
  }
  return loaded?.value;
}
