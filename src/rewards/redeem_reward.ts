import { findActiveRole, invalidToken } from "../identity/mod.ts";
import { type Ctx, isOwn, isStaff } from "../platform/ctx.ts";
import { transaction, type Tx, violates } from "../platform/db.ts";
import { AppError, invalidRequest, notFound } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { addPromotion } from "../promotions/mod.ts";
import { rewardRedeemed } from "./events.ts";
import { move, movementTold } from "./points/account.ts";
import { lockAccounts, writeMovements } from "./points/queries.ts";
import { countRedemptions, insertRedemption, lockReward } from "./queries.ts";
import { maySee, newCode, requireRedeemable, type RewardRedemption, toldRedemption } from "./reward.ts";

const DAY_MS = 86_400_000;

/**
 * Takes a customer's points and gives them a coupon of their own for it, in one transaction. Locks the account, then the
 * reward: of those who come at once for its last one, or with the last points, one gets it.
 *
 * @throws not_found, forbidden, invalid_request, reward_refused with every reason
 */
export async function redeemReward(
  ctx: Ctx,
  input: { id: string; user_id?: string },
  idempotency: Idempotency | undefined,
): Promise<Outcome<RewardRedemption>> {
  const userId = await whose(ctx, input.user_id);
  return await transaction(
    ctx.sql,
    (tx) =>
      once(tx, idempotency, () => redeem(tx, ctx, input.id, userId)).catch((error) => {
        // Customers are taken at their token's word, and a backup that was restored may know nothing of one.
        throw violates(error, "points_accounts_user_id_fkey") ? invalidToken(error) : error;
      }),
  );
}

async function redeem(tx: Tx, ctx: Ctx, rewardId: string, userId: string): Promise<RewardRedemption> {
  const [before] = await lockAccounts(tx, [userId]);
  const reward = await lockReward(tx, rewardId);
  const at = ctx.clock.now();
  const created_at = at.toISOString();
  if (!reward || !maySee(ctx.actor, reward, at)) throw notFound("reward");
  const redeemedByCustomer = await countRedemptions(tx, rewardId, userId);
  requireRedeemable(reward, { at, redeemedByCustomer, balance: before!.balance });
  const { name, percent_off, amount_off, minimum_subtotal, skus, categories, points, valid_days } = reward;
  const expires_at = new Date(at.getTime() + valid_days * DAY_MS).toISOString();
  const promotion = await addPromotion(tx, ctx, {
    code: newCode(),
    user_id: userId,
    name,
    percent_off,
    amount_off,
    minimum_subtotal,
    skus,
    categories,
    active: true,
    ends_at: expires_at,
    max_redemptions: 1,
    max_per_customer: null,
  }, created_at);
  const redemption: RewardRedemption = {
    id: newId(),
    reward_id: reward.id,
    user_id: userId,
    points,
    promotion_id: promotion.id,
    coupon_code: promotion.code,
    order_id: null,
    created_at,
    expires_at,
  };
  const [movement, account] = move(before!, {
    kind: "redeemed",
    points: -points,
    redemption_id: redemption.id,
    created_at,
  });
  await insertRedemption(tx, redemption);
  await writeMovements(tx, [movement], [account]);
  await appendEvents(tx, ctx, [movementTold(movement), {
    event: rewardRedeemed,
    aggregateId: redemption.id,
    sequence: 1,
    userId,
    data: toldRedemption(redemption),
    at: created_at,
  }]);
  return redemption;
}

/** Whose points: the caller's own, or those of whom staff name. @throws forbidden, invalid_request */
async function whose({ actor, sql }: Ctx, asked: string | undefined): Promise<string> {
  if (asked === undefined) {
    if (actor.kind === "user") return actor.userId;
    throw invalidRequest([{ pointer: "/user_id", code: "required", message: "is required here" }]);
  }
  if (isOwn(actor, asked)) return asked;
  if (!isStaff(actor)) throw new AppError("forbidden", "These are another user's points.");
  if (await findActiveRole(sql, asked)) return asked;
  throw invalidRequest([{
    pointer: "/user_id",
    code: "unknown_user",
    message: "must be somebody's: there is no such active account",
  }]);
}
