import type { ShardRow } from "./dispatcher_queries.ts";

/** What a process does about its shards: they are shared evenly among those that live. */
export interface Division {
  /** Held already, or free and now taken. */
  hold: number[];
  /** Of those the ones to let go as soon as nothing of them is under way. */
  surplus: number[];
}

/**
 * Divides the shards as far as one process can by itself. Whoever holds none is not seen by the others, so a newcomer
 * that finds nothing free takes one from the process that has the most; the rest is given up to it.
 */
export function divide(shards: ShardRow[], me: string): Division {
  const mine = shards.filter(({ owner }) => owner === me).map(({ shard }) => shard);
  const others = Map.groupBy(
    shards.filter(({ owner, live }) => live && owner !== me),
    ({ owner }) => owner!,
  );
  const share = Math.ceil(shards.length / (others.size + 1));
  if (mine.length > share) return { hold: mine, surplus: mine.slice(share) };
  const free = shards.filter(({ owner, live }) => !live && owner !== me).map(({ shard }) => shard);
  const hold = [...mine, ...free.slice(0, share - mine.length)];
  if (hold.length > 0) return { hold, surplus: [] };
  const richest = [...others.values()].sort((a, b) => b.length - a.length)[0] ?? [];
  return { hold: richest.length > share ? [richest.at(-1)!.shard] : [], surplus: [] };
}
