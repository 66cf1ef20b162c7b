import { isRefusal } from "./db.ts";
import type { Idempotency } from "./idempotency.ts";

/**
 * Commits what several callers decided in one statement. If the database refuses it, each is tried alone, so that one
 * that cannot be had refuses nobody else's. A lost connection is no refusal: the group may have been committed. One
 * statement cannot claim a key twice: of two with one key only the first is tried.
 *
 * @returns in the place of each what `insert` gave for it, or its error; undefined for a key that was taken in this group
 */
export async function commitGroup<I, O>(
  group: readonly I[],
  idempotencyOf: (input: I) => Idempotency | undefined,
  insert: (inputs: readonly I[]) => Promise<O[]>,
): Promise<(O | undefined | Error)[]> {
  const keys = new Set<string>();
  const first = group.filter((input) => {
    const idempotency = idempotencyOf(input);
    if (!idempotency) return true;
    const key = JSON.stringify([idempotency.actor, idempotency.route, idempotency.key]);
    return !keys.has(key) && keys.add(key);
  });
  const results = new Map<I, O | undefined | Error>();
  try {
    const outputs = await insert(first);
    first.forEach((each, index) => results.set(each, outputs[index]));
  } catch (error) {
    const mayTryAlone = first.length > 1 && isRefusal(error);
    // Side by side: one that waits for a lock holds up none that does not.
    await Promise.all(first.map(async (each) => {
      const alone = () => insert([each]).then(([output]) => output, (alone: Error) => alone);
      results.set(each, mayTryAlone ? await alone() : error as Error);
    }));
  }
  return group.map((each) => results.get(each));
}
