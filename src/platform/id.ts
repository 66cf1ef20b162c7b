import { v7 } from "uuid";

/** So far ids may be ahead of the clock, after that was set back: less than what made_within.ts allows for. */
const MAX_AHEAD_MS = 10_000;

/** The latest id's time, and its turn within it. */
let [at, turn] = [0, 0];

/**
 * A UUIDv7 (RFC 9562): ids made later sort later, so they double as the order of creation. The library by itself would never
 * go back: in a process whose clock was an hour ahead when it started, and was then set right, ids would be of the hour to
 * come until that is over.
 */
export function newId(): string {
  const now = Date.now();
  if (now > at || now < at - MAX_AHEAD_MS) [at, turn] = [now, randomTurn()];
  else turn++;
  return v7({ msecs: at, seq: turn });
}

/** A new id that sorts behind another, also where that was made by a process whose clock is ahead. */
export function newIdAfter(other: string | undefined): string {
  const id = newId();
  return other === undefined || id > other ? id : v7({ msecs: madeAt(other) + 1 });
}

/** Milliseconds since 1970, as a UUIDv7 begins with them. */
export function madeAt(id: string): number {
  return Number.parseInt(id.replace("-", "").slice(0, 12), 16);
}

/** Anywhere in the lower half of 32 bits, so that others can follow. */
function randomTurn(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
}

/** The smallest UUIDv7 that could have been made at `time`: turns a time filter into an index range on ids. */
export function firstIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
