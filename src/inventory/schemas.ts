import { z } from "@hono/zod-openapi";
import { Id, Sku, Skus, text, Timestamp, uniqueText } from "../http/schemas.ts";
import { cursor, Limit, LimitOfSkus, withLimit } from "../http/pagination.ts";
import { DEFAULT_LOCATION, MAX_UNITS, MOVEMENT_KINDS } from "./level.ts";

const Units = z.int().min(0).max(MAX_UNITS);

export const LevelSchema = z.object({
  sku: Sku,
  location: z.string(),
  on_hand: z.int().openapi({ description: "Units that are there", example: 120 }),
  reserved: z.int().openapi({
    description: "Units held for orders, until they leave, and for open quotes",
    example: 20,
  }),
  available: z.int().openapi({ description: "on_hand − reserved: what can be sold", example: 100 }),
  low_stock_threshold: z.int().nullable().openapi({ example: 10 }),
  version: z.int(),
  updated_at: Timestamp,
}).openapi("StockLevel");

export const MovementSchema = z.object({
  sku: Sku,
  location: z.string(),
  kind: z.enum(MOVEMENT_KINDS),
  on_hand_delta: z.int(),
  reserved_delta: z.int(),
  version: z.int().openapi({ description: "The version of the level that this movement made" }),
  order_id: Id.nullable(),
  quote_id: Id.nullable().openapi({ description: "The quote that it holds stock for, or frees it of" }),
  reason: z.string().nullable(),
  reference: z.string().nullable(),
  actor: z.string(),
  created_at: Timestamp,
}).openapi("StockMovement");

export const SkuParam = z.object({ sku: Sku });

export const LocationQuery = z.strictObject({
  location: z.literal(DEFAULT_LOCATION).default(DEFAULT_LOCATION).openapi({
    description: "Where; there is one for now",
  }),
});

const why = {
  reason: text(1, 500).openapi({
    description: "Why, for whoever reads the ledger",
    example: "Goods receipt",
  }),
  kind: z.enum(["receipt", "adjustment", "return"]).optional()
    .openapi({
      description: "What kind of movement; `adjustment` unless said. Receipts and returns only add.",
    }),
  reference: uniqueText(100).optional()
    .openapi({
      description:
        "Your document's number, kept in Unicode's form NFC. The same one is booked only once per SKU.",
      example: "GR-2026-0815",
    }),
  location: z.literal(DEFAULT_LOCATION).default(DEFAULT_LOCATION),
};

const byDelta = {
  delta: z.int().min(-MAX_UNITS).max(MAX_UNITS).refine((delta) => delta !== 0, "must not be 0")
    .openapi({ description: "Units more (or fewer) on hand", example: 100 }),
};
const byCount = {
  on_hand: Units.openapi({ description: "What was counted", example: 118 }),
  expected_on_hand: Units.openapi({
    description: "What was on hand as far as you knew; else 409",
    example: 120,
  }),
};
const ByDelta = z.strictObject({ ...byDelta, ...why }).openapi("StockAdjustmentByDelta");
const ByCount = z.strictObject({ ...byCount, ...why }).openapi("StockAdjustmentByCount");
const ItemByDelta = z.strictObject({ sku: Sku, ...byDelta }).openapi("StockItemByDelta");
const ItemByCount = z.strictObject({ sku: Sku, ...byCount }).openapi("StockItemByCount");
const MAX_ITEMS = 1000;

/** Does a change add units, as receipts and returns do? */
function adds(change: { delta: number } | { on_hand: number; expected_on_hand: number }): boolean {
  return "delta" in change ? change.delta > 0 : change.on_hand > change.expected_on_hand;
}

export const AdjustmentBody = z.union([ByDelta, ByCount], {
  error: "must be { delta, reason } or { on_hand, expected_on_hand, reason }",
}).superRefine((body, context) => {
  if ((body.kind === "receipt" || body.kind === "return") && !adds(body)) {
    context.addIssue({
      code: "custom",
      path: ["kind"],
      message: `a ${body.kind} adds units; use adjustment`,
    });
  }
}).openapi("StockAdjustment");

export const AdjustmentsBody = z.strictObject({
  items: z.array(
    z.union([ItemByDelta, ItemByCount], {
      error: "must be { sku, delta } or { sku, on_hand, expected_on_hand }",
    }),
  ).min(1).max(MAX_ITEMS).openapi({ description: "Each SKU once" }),
  ...why,
}).superRefine(({ items, kind }, context) => {
  const seen = new Set<string>();
  const refuse = (index: number, field: string, message: string) =>
    context.addIssue({ code: "custom", path: ["items", index, field], message });
  items.forEach((item, index) => {
    if (seen.has(item.sku)) refuse(index, "sku", "stands among the items already");
    seen.add(item.sku);
    if ((kind === "receipt" || kind === "return") && !adds(item)) {
      refuse(
        index,
        "delta" in item ? "delta" : "on_hand",
        `must add units, as a ${kind} does; else use adjustment`,
      );
    }
  });
}).openapi("StockAdjustments");

export const AdjustedSchema = z.object({
  data: z.array(LevelSchema).openapi({ description: "The levels after it, in the order of its items" }),
}).openapi("AdjustedStockLevels");

export const ThresholdBody = z.strictObject({
  low_stock_threshold: Units.nullable().openapi({
    description: "From how few available units on; null: never",
  }),
}).openapi("StockThreshold");

export const ListQuery = z.strictObject({
  low_stock: z.enum(["true", "false"]).transform((value) => value === "true").optional()
    .openapi({ description: "Only levels at or below their threshold" }),
  skus: Skus.optional(),
  sku_prefix: text(1, 64).optional().openapi({ description: "Only SKUs that begin so" }),
  cursor: cursor(z.tuple([Sku])),
  limit: LimitOfSkus,
}).transform(withLimit);

export const MovementsQuery = z.strictObject({
  location: LocationQuery.shape.location,
  cursor: cursor(z.tuple([z.int32()])),
  limit: Limit,
});
