import type { z } from "@hono/zod-openapi";
import { expectedVersion, setEtag } from "../http/etag.ts";
import { pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { changePromotion } from "./change_promotion.ts";
import { createPromotion } from "./create_promotion.ts";
import { getPromotion, listPromotions, listRedemptions } from "./list_promotions.ts";
import type { Promotion } from "./promotion.ts";
import {
  ChangePromotionBody,
  ListQuery,
  NewPromotionBody,
  PromotionSchema,
  RedemptionSchema,
  RedemptionsQuery,
} from "./schemas.ts";

const tags = ["Promotions"];

const BODY = {
  code: "WELCOME10",
  name: "Welcome",
  percent_off: "10",
  minimum_subtotal: [{ currency: "EUR", amount: 5000 }],
  starts_at: "2026-02-01T00:00:00.000Z",
  ends_at: "2027-01-01T00:00:00.000Z",
  max_redemptions: 500,
  max_per_customer: 1,
} satisfies z.input<typeof NewPromotionBody>;

const EXAMPLE: Promotion = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  ...BODY,
  user_id: null,
  active: true,
  amount_off: null,
  skus: [],
  categories: [],
  redeemed: 0,
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

const REDEMPTION: z.infer<typeof RedemptionSchema> = {
  id: "1042",
  user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  quote_id: "0192f0c2-3b7d-7a90-9e3d-5c2f6f3a1f9a",
  order_id: "0192f0c3-8d15-7b42-a6c1-0b6d2c115f4e",
  status: "used",
  currency: "EUR",
  amount: 599,
  created_at: "2026-02-01T09:30:00.000Z",
  released_at: null,
};

export const promotionRoutes = router();

promotionRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true, errors: ["code_taken"] }, {
    method: "post",
    path: "/v1/promotions",
    operationId: "createPromotion",
    tags,
    summary: "Add a promotion",
    description:
      "A code that takes a percentage or an amount off of goods, for everyone or for one customer alone. What it means " +
      "lasts: code, customer, percentage, amounts and goods never change; for others add another promotion.",
    request: { body: json(NewPromotionBody, "The promotion.", BODY) },
    responses: { 201: json(PromotionSchema, "The promotion as it was added.", EXAMPLE) },
  }),
  async (c) => {
    const promotion = markReplay(
      c,
      await createPromotion(c.get("ctx"), c.req.valid("json"), c.get("idempotency")),
    );
    c.header("Location", `/v1/promotions/${promotion.id}`);
    setEtag(c, promotion.version);
    return c.json(promotion, 201);
  },
);

promotionRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/promotions",
    operationId: "listPromotions",
    tags,
    summary: "List promotions",
    description: "Newest first, also those that are over. Filters hold together (and).",
    request: { query: ListQuery },
    responses: {
      200: json(pageSchema(PromotionSchema).openapi("PromotionPage"), "One page.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listPromotions(c.get("ctx"), c.req.valid("query"))), 200),
);

promotionRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/promotions/{id}",
    operationId: "getPromotion",
    tags,
    summary: "Get a promotion",
    description: "`redeemed` is what it is now; it changes without a new version.",
    request: { params: IdParam },
    responses: { 200: json(PromotionSchema, "The promotion.", EXAMPLE) },
  }),
  async (c) => {
    const promotion = await getPromotion(c.get("ctx"), c.req.valid("param").id);
    // No 304: `redeemed` changes without the version.
    setEtag(c, promotion.version);
    return c.json(promotion, 200);
  },
);

promotionRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "patch",
    path: "/v1/promotions/{id}",
    operationId: "changePromotion",
    tags,
    summary: "Change when, how often or whether a promotion can be used",
    description:
      "Fields that are left out stay (RFC 7396); where nothing differs, the version stays. What open quotes and " +
      "orders hold of it stays theirs: `max_redemptions` cannot be less than that.",
    request: {
      params: IdParam,
      body: json(ChangePromotionBody, "What changes.", { active: false, max_redemptions: 600 }),
    },
    responses: {
      200: json(PromotionSchema, "The promotion after it.", {
        ...EXAMPLE,
        active: false,
        max_redemptions: 600,
        version: 2,
      }),
    },
  }),
  async (c) => {
    const promotion = await changePromotion(c.get("ctx"), {
      ...c.req.valid("param"),
      changes: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, promotion.version);
    return c.json(promotion, 200);
  },
);

promotionRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/promotions/{id}/redemptions",
    operationId: "listPromotionRedemptions",
    tags,
    summary: "Who used a promotion?",
    description:
      "Every use of it, newest first, also those that were given back. `status=used` are the orders that it made cheaper, with " +
      "how much it took off.",
    request: { params: IdParam, query: RedemptionsQuery },
    responses: {
      200: json(pageSchema(RedemptionSchema).openapi("PromotionRedemptionPage"), "One page.", {
        data: [REDEMPTION],
        next_cursor: null,
      }),
    },
  }),
  async (c) => {
    const page = await listRedemptions(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);
