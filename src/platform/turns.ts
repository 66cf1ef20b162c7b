import { bulkhead, BulkheadRejectedError } from "cockatiel";
import { AppError } from "./errors.ts";

/** How long one piece of work may keep everybody else of its process waiting. */
const TURN_MS = 20;

/**
 * Lets so many of a kind of work be under way at a time in a process; others wait for their turn, up to so many.
 *
 * @param refusal what is said to those beyond, as `unavailable`
 */
export function takingTurns(
  { atATime, waiting, refusal }: { atATime: number; waiting: number; refusal: string },
): <T>(work: () => Promise<T>) => Promise<T> {
  const turns = bulkhead(atATime, waiting);
  return async (work) => {
    try {
      return await turns.execute(work);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new AppError("unavailable", `${refusal} Try again.`, { retryAfterSeconds: 2, cause: error });
    }
  };
}

/**
 * For a long piece of work, to be awaited between its steps: when its turn is over others go on first, also those who have
 * only just called. By a timer, as Deno does all that was given to `setImmediate` before it looks at a connection.
 */
export function givingWay(): () => Promise<void> {
  let turnEndsMs = performance.now() + TURN_MS;
  return async () => {
    if (performance.now() < turnEndsMs) return;
    await new Promise((resolve) => setTimeout(resolve));
    turnEndsMs = performance.now() + TURN_MS;
  };
}
