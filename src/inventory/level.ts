import type { z } from "@hono/zod-openapi";
import type { LevelSchema, MovementSchema } from "./schemas.ts";

/** How many of a SKU there are at a location. All counts are units. */
export type StockLevel = z.output<typeof LevelSchema>;

/** One line of the stock ledger. A level is the sum of its movements. */
export type Movement = z.output<typeof MovementSchema>;

/** The one location there is for now; the schema already keeps levels by location. */
export const DEFAULT_LOCATION = "default";

/** The most that may be on hand of a SKU: half of what the column holds, so that there is room for what comes back. */
export const MAX_UNITS = 1_000_000_000;

/**
 * What an order does to stock, per unit: reserve on placing, release on cancelling, ship on shipping, return on restocking. A
 * shipment that is cancelled never left: its units are there again, and held as they were.
 */
export const ORDER_MOVES = {
  reservation: { onHand: 0, reserved: 1 },
  release: { onHand: 0, reserved: -1 },
  shipment: { onHand: -1, reserved: -1 },
  shipment_cancelled: { onHand: 1, reserved: 1 },
  return: { onHand: 1, reserved: 0 },
} as const;

export type OrderMove = keyof typeof ORDER_MOVES;

/** Why a level moved. */
export const MOVEMENT_KINDS = [
  "receipt",
  "adjustment",
  "return",
  "reservation",
  "release",
  "shipment",
  "shipment_cancelled",
] as const;
