import { z } from "@hono/zod-openapi";
import { defineEvent, type NewEvent } from "../platform/events.ts";
import { MOVEMENT_KINDS, type StockLevel } from "./level.ts";

/** A stock level changed. Its aggregate is the level, `<sku>@<location>`. */
export const inventoryUpdated = defineEvent(
  "inventory.updated",
  1,
  "inventory",
  "What is on hand or reserved of a SKU at a location changed, or its threshold. The `sequence` is the level's version.",
  z.object({
    sku: z.string(),
    location: z.string(),
    on_hand: z.int(),
    reserved: z.int(),
    available: z.int(),
    low_stock_threshold: z.int().nullable(),
    kind: z.enum([...MOVEMENT_KINDS, "threshold"]).openapi({
      description: "Of movement, or `threshold` where only that changed",
    }),
    on_hand_delta: z.int(),
    reserved_delta: z.int(),
    order_id: z.uuid().nullable(),
    quote_id: z.uuid().nullable().optional().openapi({
      description:
        "The quote that it holds stock for, or frees it of; left out in events from before there were quotes",
    }),
    reason: z.string().optional().openapi({
      description: "Why staff changed what is on hand; left out where an order or a quote did",
    }),
    reference: z.string().nullable().optional().openapi({
      description: "Their document's number, where they gave one",
    }),
  }),
);

/** The event of a level that staff changed. Orders' own are made where their stock moves, in SQL. */
export function levelChanged(
  level: StockLevel,
  change:
    & { on_hand_delta: number }
    & (
      | { kind: "receipt" | "adjustment" | "return"; reason: string; reference: string | null }
      | { kind: "threshold" }
    ),
): NewEvent<typeof inventoryUpdated.schema> {
  const { version, updated_at, ...data } = level;
  return {
    event: inventoryUpdated,
    aggregateId: `${level.sku}@${level.location}`,
    sequence: version,
    userId: null,
    data: { ...data, ...change, reserved_delta: 0, order_id: null, quote_id: null },
    at: updated_at,
  };
}
