import { randomInt } from "node:crypto";
import type { z } from "@hono/zod-openapi";
import { type Actor, isStaff } from "../platform/ctx.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { whyNot } from "../promotions/mod.ts";
import type { RewardRedemptionSchema, RewardSchema } from "./schemas.ts";

/** A reward as it is kept, answered and told in events. Amounts in minor units. */
export type Reward = z.output<typeof RewardSchema>;
export type RewardRedemption = z.output<typeof RewardRedemptionSchema>;

/** Crockford's Base32: nothing that is read as something else. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LENGTH = 12;

/** A code that nobody can guess: 60 random bits. */
export function newCode(): string {
  return "R-" + Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

/** A reward, as events tell it. */
export function toldReward({ redeemed: _, ...reward }: Reward): Omit<Reward, "redeemed"> {
  return reward;
}

/** A redemption, as its event tells it. */
export function toldRedemption(
  { order_id: _, ...redemption }: RewardRedemption,
): Omit<RewardRedemption, "order_id"> {
  return redemption;
}

/** Customers see what runs now, be it used up or not. Pure. */
export function maySee(actor: Actor, reward: Reward, at: Date): boolean {
  return isStaff(actor) || whyNot(reward, { at, redeemed: 0, redeemedByCustomer: 0 }) === undefined;
}

/**
 * Whether a customer can have a reward, who had it so often before and has so many points. Pure.
 *
 * @throws reward_refused with every reason
 */
export function requireRedeemable(
  reward: Reward,
  { at, redeemedByCustomer, balance }: { at: Date; redeemedByCustomer: number; balance: number },
): void {
  const errors: FieldError[] = [];
  const why = whyNot(reward, { at, redeemed: reward.redeemed, redeemedByCustomer });
  if (why) {
    const message = `The reward ${reward.name} ${why.what}.`;
    errors.push({ pointer: "", code: `reward_${why.reason}`, message, ...why.facts });
  }
  if (balance < reward.points) {
    const message = `It costs ${reward.points} points, and there are ${balance}.`;
    errors.push({ pointer: "", code: "insufficient_points", message, points: reward.points, balance });
  }
  if (errors.length > 0) {
    throw new AppError("reward_refused", errors.map(({ message }) => message).join(" "), { errors });
  }
}
