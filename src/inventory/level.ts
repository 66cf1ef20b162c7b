/** How many of a SKU there are at a location. All counts are units. */
export interface StockLevel {
  sku: string;
  location: string;
  /** Physically there. */
  on_hand: number;
  /** Promised to orders and not yet shipped. */
  reserved: number;
  /** on_hand − reserved: what can still be sold. Never negative. */
  available: number;
  low_stock_threshold: number | null;
  version: number;
  updated_at: string;
}

/** The one location there is for now; the schema already keeps levels by location. */
export const DEFAULT_LOCATION = "default";

export type MovementKind = "receipt" | "adjustment" | "return" | "reservation" | "release" | "shipment";

/** One line of the stock ledger. A level is the sum of its movements. */
export interface Movement {
  sku: string;
  location: string;
  kind: MovementKind;
  on_hand_delta: number;
  reserved_delta: number;
  /** The level's version that this movement made; also its place in the SKU's history. */
  version: number;
  order_id: string | null;
  /** The quote that it holds stock for, or frees it of. */
  quote_id: string | null;
  reason: string | null;
  reference: string | null;
  actor: string;
  created_at: string;
}

/** What an order does to stock, per unit: reserve on placing, release on cancelling, ship on shipping, return on restocking. */
export const ORDER_MOVES = {
  reservation: { onHand: 0, reserved: 1 },
  release: { onHand: 0, reserved: -1 },
  shipment: { onHand: -1, reserved: -1 },
  return: { onHand: 1, reserved: 0 },
} as const;

export type OrderMove = keyof typeof ORDER_MOVES;
