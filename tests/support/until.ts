import { assert } from "@std/assert";

const DEADLINE_MS = 20_000;

/** Waits until something is so that gives no signal: asks again and again, until the test's patience ends. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await isSo()) {
    assert(performance.now() < deadline, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
