import DataLoader from "dataloader";
import type { Sql } from "./db.ts";

/** How long a group may take before the next one no longer waits for it. */
const PATIENCE_MS = 25;
/** How long before it is taken to be stuck, on a lock that somebody holds, say, and to need a slot of its own. */
const STUCK_MS = 500;

/** A group under way: has it not taken long yet, or is it stuck? */
interface Group {
  isBrisk: boolean;
  isStuck: boolean;
}

/**
 * Groups calls: those that arrive while a group is under way wait and go together, up to `maxSize`, when it is done.
 * A lone call goes at once, so grouping costs an idle server nothing and a busy one less the busier it is. A group
 * that takes long does not hold up the others: up to `slots` are under way then, and as many again that are stuck.
 *
 * @param work answers each input of a group in its place: a value, or the Error that this input's caller gets
 */
export function grouped<I, O>(
  work: (inputs: readonly I[]) => Promise<(O | Error)[]>,
  { slots = 4, maxSize = 64 }: { slots?: number; maxSize?: number } = {},
): (input: I) => Promise<O> {
  const underWay = new Set<Group>();
  let starting: Group;
  const waiting = new Set<() => void>();
  const loader = new DataLoader<I, O>(async (inputs) => {
    const group = starting;
    const change = (what: Partial<Group>) => {
      Object.assign(group, what);
      startNext();
    };
    const timers = [
      setTimeout(() => change({ isBrisk: false }), PATIENCE_MS),
      setTimeout(() => change({ isStuck: true }), STUCK_MS),
    ];
    try {
      return await work(inputs);
    } finally {
      timers.forEach(clearTimeout);
      underWay.delete(group);
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
    const groups = [...underWay];
    const stuck = groups.filter(({ isStuck }) => isStuck).length;
    const isFull = groups.length - Math.min(stuck, slots) >= slots;
    if (!next || isFull || groups.some(({ isBrisk }) => isBrisk)) return;
    waiting.delete(next);
    const group = { isBrisk: true, isStuck: false };
    underWay.add(group);
    queueMicrotask(() => {
      starting = group;
      next();
    });
  }
  return (input) => loader.load(input);
}

/** So many lines and more, and an input is large. */
export const LARGE_LINES = 50;

/**
 * As {@link grouped}, and large inputs go by themselves, so that no statement gets too much to do and nobody with a few lines
 * waits for others' hundreds.
 */
export function groupedByLines<I, O>(
  work: (inputs: readonly I[]) => Promise<(O | Error)[]>,
  linesOf: (input: I) => number,
): (input: I) => Promise<O> {
  const small = grouped(work);
  const large = grouped(work, { slots: 2, maxSize: 2 });
  return (input) => (linesOf(input) < LARGE_LINES ? small : large)(input);
}

/** One of something for each pool, made at its first use: whoever works over the pool in this process shares it. */
export function perPool<T>(open: (sql: Sql) => T): (sql: Sql) => T {
  const opened = new WeakMap<Sql, T>();
  return (sql) => opened.getOrInsertComputed(sql, open);
}
