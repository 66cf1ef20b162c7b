/** What differs between two versions of a thing, field by field: what its `updated` event says. */
export type Changes = Record<string, { from: unknown; to: unknown }>;

/** Compares field by field, as JSON. Empty where nothing differs. */
export function changesBetween<T extends object>(before: T, after: T): Changes {
  const changes: Changes = {};
  for (const field of Object.keys(after) as (keyof T & string)[]) {
    if (!isSame(before[field], after[field])) changes[field] = { from: before[field], to: after[field] };
  }
  return changes;
}

/** Equal as JSON, whatever the order of keys: what comes from jsonb has its own. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => isSame(left[key], right[key]));
}
