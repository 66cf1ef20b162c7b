import { seeded } from "../../tools/chaos/random.ts";

/** Decides what a random test does, in the same way for the same seed. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** True in so many cases, from 0 for never to 1 for always. */
  chance(share: number): boolean {
    return this.#next() < share;
  }

  /** A whole number from 1 to this one. */
  upTo(most: number): number {
    return 1 + Math.floor(this.#next() * most);
  }

  /** One of these; what is to come more often is named more than once. */
  pick<T>(...from: readonly T[]): T {
    return from[Math.floor(this.#next() * from.length)]!;
  }

  /** One of these, each as often as its weight among theirs. */
  pickByWeight<T extends { weight: number }>(from: readonly T[]): T {
    let left = this.#next() * from.reduce((sum, { weight }) => sum + weight, 0);
    for (const each of from) {
      left -= each.weight;
      if (left < 0) return each;
    }
    throw new Error("There is nothing to pick from.");
  }
}
