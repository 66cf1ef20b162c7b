import type { z } from "@hono/zod-openapi";
import type { NewEvent } from "../../platform/events.ts";
import { pointsMoved } from "../events.ts";
import type { OrderPointsSchema, PointsAccountSchema, PointsMovementSchema } from "./schemas.ts";

export type PointsAccount = z.output<typeof PointsAccountSchema>;
export type PointsMovement = z.output<typeof PointsMovementSchema>;
export type PointsOfOrder = z.output<typeof OrderPointsSchema>;

/** What moves points, and why. */
export type Cause =
  & Pick<PointsMovement, "kind" | "points" | "created_at">
  & Partial<Pick<PointsMovement, "order_id" | "campaign_id" | "redemption_id" | "reason">>;

/** The next movement of an account, and the account after it. Pure. */
export function move(account: PointsAccount, cause: Cause): [PointsMovement, PointsAccount] {
  const balance = account.balance + cause.points;
  const sequence = account.version + 1;
  const { user_id } = account;
  return [
    {
      order_id: null,
      campaign_id: null,
      redemption_id: null,
      reason: null,
      ...cause,
      user_id,
      sequence,
      balance,
    },
    { user_id, balance, version: sequence, updated_at: cause.created_at },
  ];
}

/** The event that tells of a movement. */
export function movementTold(movement: PointsMovement): NewEvent<typeof pointsMoved.schema> {
  const { user_id, sequence, created_at } = movement;
  return {
    event: pointsMoved,
    aggregateId: user_id,
    sequence,
    userId: user_id,
    data: movement,
    at: created_at,
  };
}
