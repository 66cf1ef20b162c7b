import type { Ctx } from "../platform/ctx.ts";
import { violates } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import {
  findAnswer,
  type Idempotency,
  inProgress,
  keyReused,
  type Outcome,
} from "../platform/idempotency.ts";
import { draftOrder, type Order, ownerOf, type PlaceOrder, referenceTaken } from "./order.ts";
import { findPlacingFacts, insertOrder } from "./queries.ts";

/** How often a draft may lose its stock between reading and writing before the caller is told to come again. */
const MAX_ATTEMPTS = 5;

/**
 * Takes an order: reads the facts in one round trip, decides, and commits in one more. Stock is reserved, the
 * events are written and the key is remembered with it, or nothing is.
 *
 * @throws order_refused and insufficient_stock name every line at fault; forbidden, reference_taken,
 *   idempotency_key_reused, idempotency_in_progress
 */
export async function placeOrder(
  ctx: Ctx,
  input: PlaceOrder,
  idempotency: Idempotency | undefined,
): Promise<Outcome<Order>> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const facts = await findPlacingFacts(ctx.sql, input, ownerOf(ctx.actor, input), idempotency);
    if (facts.answer && !facts.answer.same) throw keyReused();
    if (facts.answer) return { value: facts.answer.order, replayed: true };
    const { order, demand } = draftOrder(
      ctx.clock.now(),
      ctx.config.orderExpirationMs,
      ctx.actor,
      input,
      facts,
    );
    try {
      const number = await insertOrder(ctx, order, demand, idempotency);
      if (number !== undefined) return { value: { ...order, number }, replayed: false };
      return { value: (await findAnswer<Order>(ctx.sql, idempotency!))!, replayed: true };
    } catch (error) {
      if (violates(error, "orders_external_reference_key")) throw referenceTaken(null);
      // Somebody took the stock in between: read again, so that the refusal names the lines that are short now.
      if (!violates(error, "stock_levels_available_check")) throw idempotency ? inProgress(error) : error;
    }
  }
  throw new AppError("unavailable", "The stock of these products is changing too fast. Try again.", {
    retryAfterSeconds: 1,
  });
}
