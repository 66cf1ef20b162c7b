/** Something that is looked up when asked for, but not more often than every `maxAgeMs`, however many ask. */
export class Recent<T> {
  readonly #look: () => Promise<T>;
  readonly #maxAgeMs: number;
  readonly #timeoutMs: number;
  #lookedAt = -Infinity;
  #looking = false;
  #found: Promise<T | undefined> = Promise.resolve(undefined);

  constructor(look: () => Promise<T>, limits: { maxAgeMs: number; timeoutMs: number }) {
    this.#look = look;
    this.#maxAgeMs = limits.maxAgeMs;
    this.#timeoutMs = limits.timeoutMs;
  }

  /** What was found; undefined if the last look failed or took longer than `timeoutMs`. */
  get(): Promise<T | undefined> {
    if (!this.#looking && performance.now() - this.#lookedAt >= this.#maxAgeMs) {
      this.#lookedAt = performance.now();
      this.#looking = true;
      const looked = this.#look().finally(() => this.#looking = false);
      this.#found = within(looked, this.#timeoutMs).catch(() => undefined);
    }
    return this.#found;
  }
}

/** What `work` gives. @throws Error if that takes longer; `work` goes on, and how it ends is nobody's concern then */
export async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
