import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx, violates } from "../platform/db.ts";
import { AppError, invalidRequest } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { promotionWasCreated } from "./events.ts";
import type { Promotion } from "./promotion.ts";
import { insertPromotion } from "./queries.ts";
import { periodOf } from "./running.ts";
import type { NewPromotionBody } from "./schemas.ts";

export type NewPromotion = z.output<typeof NewPromotionBody>;

/** Adds a promotion, which runs from now on unless its input says otherwise. @throws code_taken, invalid_request */
export async function createPromotion(
  ctx: Ctx,
  input: NewPromotion,
  idempotency?: Idempotency,
): Promise<Outcome<Promotion>> {
  return await transaction(
    ctx.sql,
    (tx) => once(tx, idempotency, () => addPromotion(tx, ctx, input, ctx.clock.now().toISOString())),
  );
}

/** The same as a step. @throws code_taken, invalid_request */
export async function addPromotion(tx: Tx, ctx: Ctx, input: NewPromotion, now: string): Promise<Promotion> {
  const promotion = await insertPromotion(tx, {
    ...input,
    ...periodOf({ ...input, starts_at: input.starts_at ?? now }, "ends_at"),
    id: newId(),
    redeemed: 0,
    version: 1,
    created_at: now,
    updated_at: now,
  }).catch((error) => {
    throw violates(error, "promotions_user_id_fkey") ? unknownUser() : error;
  });
  if (!promotion) throw codeTaken(input.code);
  await appendEvents(tx, ctx, [promotionWasCreated(promotion)]);
  return promotion;
}

function unknownUser(): AppError {
  return invalidRequest([{
    pointer: "/user_id",
    code: "unknown_user",
    message: "must be somebody's: there is no such account",
  }]);
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
