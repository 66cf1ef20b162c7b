import DataLoader from "dataloader";
import type { Sql } from "./db.ts";

/** How long a group may take before the next one no longer waits for it. */
const PATIENCE_MS = 25;

/**
 * Groups calls: those that arrive while a group is under way wait and go together, up to `maxSize`, when it is done.
 * A lone call goes at once, so grouping costs an idle server nothing and a busy one less the busier it is. A group
 * that takes long does not hold up the others: up to `slots` are under way then.
 *
 * @param work answers each input of a group in its place: a value, or the Error that this input's caller gets
 */
export function grouped<I, O>(
  work: (inputs: readonly I[]) => Promise<(O | Error)[]>,
  { slots = 4, maxSize = 64 }: { slots?: number; maxSize?: number } = {},
): (input: I) => Promise<O> {
  /** Groups under way, and how many of them have not taken long yet. */
  let underWay = 0;
  let brisk = 0;
  const waiting = new Set<() => void>();
  const loader = new DataLoader<I, O>(async (inputs) => {
    let isBrisk = true;
    const slowDown = () => {
      if (isBrisk) brisk--;
      isBrisk = false;
    };
    const timer = setTimeout(() => {
      slowDown();
      startNext();
    }, PATIENCE_MS);
    try {
      return await work(inputs);
    } finally {
      clearTimeout(timer);
      slowDown();
      underWay--;
      startNext();
    }
  }, {
    cache: false,
    maxBatchSize: maxSize,
    batchScheduleFn: (dispatch) => {
      waiting.add(dispatch);
      startNext();
    },
  });
  function startNext(): void {
    const [next] = waiting;
    if (!next || brisk > 0 || underWay >= slots) return;
    waiting.delete(next);
    brisk++;
    underWay++;
    queueMicrotask(next);
  }
  return (input) => loader.load(input);
}

/** One of something for each pool, made at its first use: whoever works over the pool in this process shares it. */
export function perPool<T>(open: (sql: Sql) => T): (sql: Sql) => T {
  const opened = new WeakMap<Sql, T>();
  return (sql) => {
    let one = opened.get(sql);
    if (one === undefined) opened.set(sql, one = open(sql));
    return one;
  };
}
