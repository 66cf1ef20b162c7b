import type { Clock } from "../../src/platform/clock.ts";

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  #now: Date;

  constructor(start: Date | string = new Date()) {
    this.#now = new Date(start);
  }

  now(): Date {
    return this.#now;
  }

  set(to: string): void {
    this.#now = new Date(to);
  }

  pass(ms: number): void {
    this.#now = new Date(this.#now.getTime() + ms);
  }
}
