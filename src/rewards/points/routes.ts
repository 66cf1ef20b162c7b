import type { z } from "@hono/zod-openapi";
import { isUnchanged } from "../../http/etag.ts";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { adjustPoints } from "./adjust_points.ts";
import { getOrderPoints, getPoints, listMovements } from "./get_points.ts";
import {
  AdjustPointsBody,
  MovementsQuery,
  OrderPointsSchema,
  PointsAccountSchema,
  PointsMovementSchema,
} from "./schemas.ts";

const tags = ["Rewards"];

const ACCOUNT: z.infer<typeof PointsAccountSchema> = {
  user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  balance: 52,
  version: 1,
  updated_at: "2026-02-01T09:30:00.000Z",
};

const EARNED: z.infer<typeof PointsMovementSchema> = {
  user_id: ACCOUNT.user_id,
  sequence: 1,
  kind: "earned",
  points: 52,
  balance: 52,
  order_id: "0192f0c3-8d15-7b42-a6c1-0b6d2c115f4e",
  campaign_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  redemption_id: null,
  reason: null,
  created_at: "2026-02-01T09:30:00.000Z",
};

const ADJUSTED: z.infer<typeof PointsMovementSchema> = {
  ...EARNED,
  sequence: 2,
  kind: "adjusted",
  points: 100,
  balance: 152,
  order_id: null,
  campaign_id: null,
  reason: "The parcel came late",
};

export const pointsRoutes = router();

pointsRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/users/{id}/points",
    operationId: "getPoints",
    tags,
    summary: "How many points does a customer have?",
    description: "Your own; staff see everybody's. They do not expire.",
    request: { params: IdParam },
    responses: {
      200: json(PointsAccountSchema, "The points.", ACCOUNT),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const account = await getPoints(c.get("ctx"), c.req.valid("param").id);
    return isUnchanged(c, account.version) ? c.body(null, 304) : c.json(account, 200);
  },
);

pointsRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/users/{id}/points/movements",
    operationId: "listPointsMovements",
    tags,
    summary: "How did a customer's points come and go?",
    description: "Newest first. They sum to the balance.",
    request: { params: IdParam, query: MovementsQuery },
    responses: {
      200: json(pageSchema(PointsMovementSchema).openapi("PointsMovementPage"), "One page.", {
        data: [EARNED],
        next_cursor: null,
      }),
    },
  }),
  async (c) => {
    const page = await listMovements(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

pointsRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true, errors: ["not_found"] }, {
    method: "post",
    path: "/v1/users/{id}/points/adjustments",
    operationId: "adjustPoints",
    tags,
    summary: "Give a customer points, or take some",
    description: "With a reason, which the customer can read. No more can be taken than are there.",
    request: {
      params: IdParam,
      body: json(AdjustPointsBody, "How many, and why.", { points: 100, reason: "The parcel came late" }),
    },
    responses: { 201: json(PointsMovementSchema, "The movement.", ADJUSTED) },
  }),
  async (c) => {
    const input = { userId: c.req.valid("param").id, ...c.req.valid("json") };
    return c.json(markReplay(c, await adjustPoints(c.get("ctx"), input, c.get("idempotency"))), 201);
  },
);

pointsRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/points",
    operationId: "getOrderPoints",
    tags,
    summary: "How many points did an order earn?",
    description:
      "By campaign. They come a moment after it is paid in full, and go in proportion to what is refunded, rounded down: " +
      "with all of its money, or once it is cancelled, all of them go.",
    request: { params: IdParam },
    responses: {
      200: json(OrderPointsSchema, "Its points.", {
        order_id: EARNED.order_id!,
        points: 26,
        campaigns: [{
          campaign_id: EARNED.campaign_id!,
          name: "Double points in the kitchen",
          full_points: 52,
          points: 26,
        }],
      }),
    },
  }),
  async (c) => c.json(await getOrderPoints(c.get("ctx"), c.req.valid("param").id), 200),
);
