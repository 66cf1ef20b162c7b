import { v7 } from "uuid";

/** A UUIDv7 (RFC 9562): ids made later sort later, so they double as the order of creation. */
export function newId(): string {
  return v7();
}

/** The smallest UUIDv7 that could have been made at `time`: turns a time filter into an index range on ids. */
export function firstIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
