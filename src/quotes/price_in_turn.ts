import { LARGE_LINES } from "../platform/batch.ts";
import { givingWay, takingTurns } from "../platform/turns.ts";

/** A thousand lines take some 15 ms for each way to send them. */
const inTurn = takingTurns({ atATime: 1, waiting: 60, refusal: "Too many large carts are being priced." });
const giveWay = givingWay();

/**
 * Has a large cart priced after those before it, and lets others go on in between: else all that are asked about at once
 * would be priced before anybody else is answered.
 *
 * @throws unavailable where too many wait already
 */
export async function priceInTurn<T>(lines: number, price: () => T): Promise<T> {
  if (lines < LARGE_LINES) return price();
  return await inTurn(async () => {
    try {
      return price();
    } finally {
      await giveWay();
    }
  });
}
