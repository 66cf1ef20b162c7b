import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";

/** What differs between two versions of a thing, field by field: what its `updated` event says. */
export const ChangesSchema = z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })).openapi({
  description: "What changed, field by field",
});
export type Changes = z.infer<typeof ChangesSchema>;

/** Compares field by field, whatever the order of keys in their values. Empty where nothing differs. */
export function changesBetween<T extends object>(before: T, after: T): Changes {
  const changes: Changes = {};
  for (const field of Object.keys(after) as (keyof T & string)[]) {
    if (!isDeepStrictEqual(before[field], after[field])) {
      changes[field] = { from: before[field], to: after[field] };
    }
  }
  return changes;
}
