import { invalidRequest } from "./errors.ts";

/** How many keys a thing's metadata have at the most, and a product's attributes. */
export const MAX_ENTRIES = 50;

/**
 * What callers keep with a thing, after a change: null takes a key out, and what the change does not name stays.
 *
 * @throws invalid_request for too many keys, together with those that are there
 */
export function mergeEntries<Value>(
  field: string,
  before: Record<string, Value>,
  change: Record<string, Value | null>,
): Record<string, Value> {
  const merged = Object.entries<Value | null>({ ...before, ...change })
    .filter((entry): entry is [string, Value] => entry[1] !== null);
  if (merged.length > MAX_ENTRIES) {
    const message = `must have at most ${MAX_ENTRIES} keys, together with those that are there`;
    throw invalidRequest([{ pointer: `/${field}`, code: "invalid", message }]);
  }
  return Object.fromEntries(merged);
}
