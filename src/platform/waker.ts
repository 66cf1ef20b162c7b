import { setTimeout as delay } from "node:timers/promises";

const GATHER_MS = 20;

/** Lets some more work come in: at a steady rate, many small transactions cost several times what a few larger ones do. */
export async function gather(stopping: AbortSignal): Promise<void> {
  await delay(GATHER_MS, undefined, { signal: stopping }).catch(() => {});
}

/** Lets loops sleep until the bell rings, their time is up, or (where it is told of that) all is to stop. */
export class Waker {
  readonly #stopping: AbortSignal | undefined;
  readonly #sleepers = new Set<() => void>();
  #rings = 0;

  constructor(stopping?: AbortSignal) {
    this.#stopping = stopping;
    stopping?.addEventListener("abort", () => this.wake());
  }

  wake(): void {
    this.#rings++;
    for (const wake of this.#sleepers) wake();
  }

  /** What to hand to {@link wait}, taken before the work whose end is waited after: a ring in between counts. */
  get rings(): number {
    return this.#rings;
  }

  async wait(timeoutMs: number, since = this.#rings): Promise<void> {
    if (this.#stopping?.aborted || since !== this.#rings) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#sleepers.add(wake);
    });
  }
}
