import { assert } from "@std/assert";

const PATIENCE_MS = 30_000;
const POLL_MS = 20;

/** Waits for what gives no signal: looks again and again until there is something, and gives it. */
export async function until<T>(
  look: () => T | false | undefined | Promise<T | false | undefined>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert(performance.now() < deadline, `never within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
