import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError, invalidRequest } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { promotionWasCreated } from "./events.ts";
import type { Promotion } from "./promotion.ts";
import { insertPromotion } from "./queries.ts";
import type { NewPromotionBody } from "./schemas.ts";

/** Adds a promotion, which runs from now on unless its input says otherwise. @throws code_taken, invalid_request */
export async function createPromotion(
  ctx: Ctx,
  input: z.output<typeof NewPromotionBody>,
  idempotency?: Idempotency,
): Promise<Outcome<Promotion>> {
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const now = ctx.clock.now().toISOString();
      const promotion = await insertPromotion(tx, {
        ...input,
        ...periodOf({ ...input, starts_at: input.starts_at ?? now }, "ends_at"),
        id: newId(),
        redeemed: 0,
        version: 1,
        created_at: now,
        updated_at: now,
      });
      if (!promotion) throw codeTaken(input.code);
      await appendEvents(tx, ctx, [promotionWasCreated(promotion)]);
      return promotion;
    }));
}

/** When a promotion runs, in UTC. @param named the field that is wrong if it ends before it starts @throws invalid_request */
export function periodOf(
  { starts_at, ends_at }: Pick<Promotion, "starts_at" | "ends_at">,
  named: "starts_at" | "ends_at",
): Pick<Promotion, "starts_at" | "ends_at"> {
  const [start, end] = [new Date(starts_at), ends_at === null ? null : new Date(ends_at)];
  if (end !== null && end <= start) {
    const message = named === "ends_at"
      ? `must be after starts_at, ${start.toISOString()}`
      : `must be before ends_at, ${end.toISOString()}`;
    throw invalidRequest([{ pointer: `/${named}`, code: "ends_before_start", message }]);
  }
  return { starts_at: start.toISOString(), ends_at: end?.toISOString() ?? null };
}

function codeTaken(code: string): AppError {
  return new AppError("code_taken", `There is a promotion with the code ${code} already.`, {
    errors: [{
      pointer: "/code",
      code: "code_taken",
      message: "is taken, perhaps in another case; codes are unique",
    }],
  });
}
