import { z } from "@hono/zod-openapi";
import { Id, Sku, Skus, text, Timestamp, uniqueText } from "../http/schemas.ts";
import { cursor, Limit } from "../http/pagination.ts";
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
  reference: uniqueText(1, 100).optional()
    .openapi({
      description:
        "Your document's number, kept in Unicode's form NFC. The same one is booked only once per SKU.",
      example: "GR-2026-0815",
    }),
  location: z.literal(DEFAULT_LOCATION).default(DEFAULT_LOCATION),
};

const ByDelta = z.strictObject({
  delta: z.int().min(-MAX_UNITS).max(MAX_UNITS).refine((delta) => delta !== 0, "must not be 0")
    .openapi({ description: "Units more (or fewer) on hand", example: 100 }),
  ...why,
}).openapi("StockAdjustmentByDelta");
const ByCount = z.strictObject({
  on_hand: Units.openapi({ description: "What was counted", example: 118 }),
  expected_on_hand: Units.openapi({
    description: "What was on hand as far as you knew; else 409",
    example: 120,
  }),
  ...why,
}).openapi("StockAdjustmentByCount");

export const AdjustmentBody = z.union([ByDelta, ByCount], {
  error: "must be { delta, reason } or { on_hand, expected_on_hand, reason }",
}).superRefine((body, context) => {
  const adds = "delta" in body ? body.delta > 0 : body.on_hand > body.expected_on_hand;
  if ((body.kind === "receipt" || body.kind === "return") && !adds) {
    context.addIssue({
      code: "custom",
      path: ["kind"],
      message: `a ${body.kind} adds units; use adjustment`,
    });
  }
}).openapi("StockAdjustment");

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
  limit: Limit,
});

export const MovementsQuery = z.strictObject({
  location: LocationQuery.shape.location,
  cursor: cursor(z.tuple([z.int32()])),
  limit: Limit,
});
