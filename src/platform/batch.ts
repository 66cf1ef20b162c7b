import DataLoader from "dataloader";

/**
 * Groups calls: those that arrive while `slots` groups are under way wait and go together, up to `maxSize`, as soon
 * as a slot is free. A lone call goes at once, so grouping costs an idle server nothing and a busy one less the
 * busier it is.
 *
 * @param work answers each input of a group in its place: a value, or the Error that this input's caller gets
 */
export function grouped<I, O>(
  work: (inputs: readonly I[]) => Promise<(O | Error)[]>,
  { slots, maxSize }: { slots: number; maxSize: number },
): (input: I) => Promise<O> {
  let free = slots;
  const waiting: (() => void)[] = [];
  const loader = new DataLoader<I, O>(async (inputs) => {
    try {
      return await work(inputs);
    } finally {
      free++;
      const next = waiting.shift();
      if (next) start(next);
    }
  }, {
    cache: false,
    maxBatchSize: maxSize,
    batchScheduleFn: (dispatch) => free > 0 ? start(dispatch) : waiting.push(dispatch),
  });
  function start(dispatch: () => void): void {
    free--;
    queueMicrotask(dispatch);
  }
  return (input) => loader.load(input);
}
