import { createHash } from "node:crypto";
import { perPool } from "./batch.ts";
import type { Ctx } from "./ctx.ts";

/** What a read-through cache keeps under one key. */
export interface Versioned<T> {
  /** Of two values for one key the higher version stays, whoever writes last. */
  version: number;
  value: T;
}

/** A value that was read, and its JSON text as it is kept. */
export interface Read<T> {
  value: T;
  json: string;
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
): Promise<Read<T> | undefined> {
  const read = ctx.prefetched?.key === key ? ctx.prefetched.read : await ctx.cache.get(key);
  if (read.status === "HIT") {
    ctx.cacheStatus = read.status;
    return { value: JSON.parse(read.value) as T, json: read.value };
  }
  const loaded = await load();
  if (!loaded) return undefined;
  ctx.cacheStatus = read.status;
  const json = JSON.stringify(loaded.value);
  if (read.status === "MISS") await ctx.cache.put(key, loaded.version, json, ttlMs);
  return { value: loaded.value, json };
}

/** Where a list is cached by all that it depends on, however much that is: anybody chooses what they ask for. */
export function keyOfList(name: string, asked: unknown): string {
  return `${name}:${createHash("sha256").update(JSON.stringify(asked)).digest("base64url")}`;
}

/** What this process is loading over a pool, by key. */
const underWay = perPool(() => new Map<string, Promise<unknown>>());

/**
 * Reads a list, which has no version and is as old as `ttlMs` at the most. Who asks while it is being loaded has what comes of
 * that: when a shop's first page has expired, all of its visitors ask for it at once.
 */
export async function readList<T>(
  ctx: Ctx,
  key: string,
  ttlMs: number,
  load: () => Promise<T>,
): Promise<T> {
  const loads = underWay(ctx.sql) as Map<string, Promise<T>>;
  const read = await readThrough(ctx, key, ttlMs, async () => {
    const value = await loads.getOrInsertComputed(key, () => load().finally(() => loads.delete(key)));
    return { version: 0, value };
  });
  return read!.value;
}
