import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleAll,
} from "cockatiel";

export type BreakerState = "closed" | "open" | "half_open";

export interface BreakerOptions {
  /** Failures in a row that open it. */
  failures: number;
  /** How long it stays open before it tries again. */
  openMs: number;
  /** Successes without a failure between that close it again. */
  successes: number;
}

/** For a dependency that requests can do without. */
export const DEFAULT_BREAKER: BreakerOptions = { failures: 5, openMs: 30_000, successes: 3 };

/** Stops calling what keeps failing: closed → open after failures in a row → half-open after a while → closed. */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy;
  #probing = false;

  constructor({ failures, openMs, successes }: BreakerOptions = DEFAULT_BREAKER) {
    this.#policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(failures),
      halfOpenAfter: openMs,
      halfOpenSampling: { calls: successes, threshold: 0 },
    });
  }

  /** Open turns to half-open with the first call after `openMs`, not by itself. */
  get state(): BreakerState {
    switch (this.#policy.state) {
      case CircuitState.Closed:
        return "closed";
      case CircuitState.HalfOpen:
        return "half_open";
      default:
        return "open";
    }
  }

  /**
   * Does `work` and counts how it ends. Until the breaker is closed again one call at a time goes through: the
   * library would let the others wait for that one, and here nobody waits.
   *
   * @throws BrokenCircuitError at once, without doing `work`; or else whatever `work` throws.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#policy.state === CircuitState.Closed) return await this.#policy.execute(work);
    if (this.#probing) throw new BrokenCircuitError();
    this.#probing = true;
    try {
      return await this.#policy.execute(work);
    } finally {
      this.#probing = false;
    }
  }
}
