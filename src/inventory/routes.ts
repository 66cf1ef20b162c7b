import { expectedVersion, isUnchanged, setEtag } from "../http/etag.ts";
import { pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { adjustLevels } from "./adjust_levels.ts";
import { adjustStock } from "./adjust_stock.ts";
import { getLevel, levelKey } from "./get_level.ts";
import { DEFAULT_LOCATION } from "./level.ts";
import { listStock, listStockMovements } from "./list_stock.ts";
import {
  AdjustedSchema,
  AdjustmentBody,
  AdjustmentsBody,
  LevelSchema,
  ListQuery,
  LocationQuery,
  MovementSchema,
  MovementsQuery,
  SkuParam,
  ThresholdBody,
} from "./schemas.ts";
import { setThreshold } from "./set_threshold.ts";

const tags = ["Inventory"];
const EXAMPLE = {
  sku: "MUG-BLUE",
  location: "default",
  on_hand: 120,
  reserved: 20,
  available: 100,
  low_stock_threshold: 10,
  version: 7,
  updated_at: "2026-01-31T12:00:00.000Z",
};
const MOVEMENT = {
  sku: "MUG-BLUE",
  location: "default",
  kind: "receipt" as const,
  on_hand_delta: 100,
  reserved_delta: 0,
  version: 7,
  order_id: null,
  quote_id: null,
  reason: "Goods receipt",
  reference: "GR-2026-0815",
  actor: "user:0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  created_at: "2026-01-31T12:00:00.000Z",
};

export const inventoryRoutes = router();

inventoryRoutes.openapi(
  endpoint({
    policy: "public",
    errors: ["not_found"],
    cacheKey: (c) => levelKey(c.req.param("sku")!, DEFAULT_LOCATION),
  }, {
    method: "get",
    path: "/v1/inventory/{sku}",
    operationId: "getStockLevel",
    tags,
    summary: "How many of a SKU are there?",
    description: "At most 30 s old. Placing an order looks at the stock itself, not at this.",
    request: { params: SkuParam, query: LocationQuery },
    responses: {
      200: json(LevelSchema, "The level.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const level = await getLevel(c.get("ctx"), c.req.valid("param").sku, c.req.valid("query").location);
    return isUnchanged(c, level.version) ? c.body(null, 304) : c.json(level, 200);
  },
);

inventoryRoutes.openapi(
  endpoint({ policy: "public", isCached: true }, {
    method: "get",
    path: "/v1/inventory",
    operationId: "listStockLevels",
    tags,
    summary: "List stock levels",
    description:
      "In the order of their SKUs, at most 30 s old. Anybody may ask for the SKUs that they name, as a shop front does for a " +
      "page of products; all others: staff only. `low_stock=true` finds what to reorder.",
    request: { query: ListQuery },
    responses: {
      200: json(pageSchema(LevelSchema).openapi("StockLevelPage"), "One page.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listStock(c.get("ctx"), c.req.valid("query"))), 200),
);

inventoryRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: true,
    conditional: true,
    errors: ["not_found", "stock_changed", "insufficient_stock", "reference_taken"],
  }, {
    method: "post",
    path: "/v1/inventory/{sku}/adjustments",
    operationId: "adjustStock",
    tags,
    summary: "Change what is on hand",
    description:
      "By a `delta`, or to a counted `on_hand` provided that it still was `expected_on_hand` (else 409). Units that " +
      "are reserved cannot be taken away.",
    request: {
      params: SkuParam,
      body: json(AdjustmentBody, "The change and its reason.", { delta: 100, reason: "Goods receipt" }),
    },
    responses: { 201: json(LevelSchema, "The level after it.", EXAMPLE) },
  }),
  async (c) => {
    const input = { ...c.req.valid("param"), ...c.req.valid("json"), expectedVersion: expectedVersion(c) };
    const level = markReplay(c, await adjustStock(c.get("ctx"), input, c.get("idempotency")));
    setEtag(c, level.version);
    return c.json(level, 201);
  },
);

inventoryRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: true,
    errors: ["stock_changed", "insufficient_stock", "reference_taken"],
  }, {
    method: "post",
    path: "/v1/inventory/adjustments",
    operationId: "adjustStockLevels",
    tags,
    summary: "Book a delivery or a count of many SKUs",
    description:
      "Up to 1,000 SKUs by one document, all of it or nothing: a refusal names every item that is in the way. Each item is " +
      "as in POST /v1/inventory/{sku}/adjustments.",
    request: {
      body: json(AdjustmentsBody, "The document and its items.", {
        items: [{ sku: "MUG-BLUE", delta: 100 }, { sku: "TSHIRT-M", delta: 40 }],
        kind: "receipt",
        reason: "Goods receipt",
        reference: "GR-2026-0815",
      }),
    },
    responses: { 201: json(AdjustedSchema, "The levels after it.", { data: [EXAMPLE] }) },
  }),
  async (c) => {
    const outcome = await adjustLevels(c.get("ctx"), c.req.valid("json"), c.get("idempotency"));
    return c.json({ data: markReplay(c, outcome) }, 201);
  },
);

inventoryRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/inventory/{sku}/movements",
    operationId: "listStockMovements",
    tags,
    summary: "Why is the level what it is?",
    description: "Every movement of the SKU, newest first. Their sums are the level.",
    request: { params: SkuParam, query: MovementsQuery },
    responses: {
      200: json(pageSchema(MovementSchema).openapi("StockMovementPage"), "One page.", {
        data: [MOVEMENT],
        next_cursor: null,
      }),
    },
  }),
  async (c) => {
    const page = await listStockMovements(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

inventoryRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "patch",
    path: "/v1/inventory/{sku}",
    operationId: "setStockThreshold",
    tags,
    summary: "Set the low-stock threshold",
    description:
      "From how few available units on the level counts as low. Counts change by adjustments only.",
    request: {
      params: SkuParam,
      query: LocationQuery,
      body: json(ThresholdBody, "The threshold.", { low_stock_threshold: 10 }),
    },
    responses: { 200: json(LevelSchema, "The level after it.", EXAMPLE) },
  }),
  async (c) => {
    const level = await setThreshold(c.get("ctx"), {
      ...c.req.valid("param"),
      ...c.req.valid("query"),
      ...c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, level.version);
    return c.json(level, 200);
  },
);
