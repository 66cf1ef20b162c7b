import { bulkhead, BulkheadRejectedError } from "cockatiel";
import { AppError } from "./errors.ts";

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
