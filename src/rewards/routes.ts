import type { z } from "@hono/zod-openapi";
import { expectedVersion, isSame, setEtag } from "../http/etag.ts";
import { pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { changeReward } from "./change_reward.ts";
import { createReward } from "./create_reward.ts";
import { getReward, getRewardRedemption, listRewardRedemptions, listRewards } from "./list_rewards.ts";
import { redeemReward } from "./redeem_reward.ts";
import type { Reward } from "./reward.ts";
import {
  ChangeRewardBody,
  ListQuery,
  NewRewardBody,
  RedeemBody,
  RedemptionsQuery,
  RewardRedemptionSchema,
  RewardSchema,
} from "./schemas.ts";

const tags = ["Rewards"];

const BODY = {
  name: "Five euros off",
  points: 500,
  valid_days: 90,
  amount_off: [{ currency: "EUR", amount: 500 }],
  minimum_subtotal: [{ currency: "EUR", amount: 2000 }],
  starts_at: "2026-02-01T00:00:00.000Z",
  max_redemptions: 1000,
} satisfies z.input<typeof NewRewardBody>;

const EXAMPLE: Reward = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  ...BODY,
  active: true,
  ends_at: null,
  max_per_customer: null,
  percent_off: null,
  skus: [],
  categories: [],
  redeemed: 17,
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

const REDEMPTION: z.infer<typeof RewardRedemptionSchema> = {
  id: "0192f0c3-9c40-7d1e-8a55-2b7f4c0e6d13",
  reward_id: EXAMPLE.id,
  user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  points: 500,
  promotion_id: "0192f0c3-9c40-7d1e-8a55-31c2a9d0f7e4",
  coupon_code: "R-7QK2MX9T4WBD",
  order_id: null,
  created_at: "2026-02-01T09:30:00.000Z",
  expires_at: "2026-05-02T09:30:00.000Z",
};

export const rewardRoutes = router();

rewardRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true }, {
    method: "post",
    path: "/v1/rewards",
    operationId: "createReward",
    tags,
    summary: "Add a reward",
    description:
      "Who redeems points for it gets a coupon of their own, good once. What it costs and gives lasts: for other points, " +
      "amounts or goods add another reward.",
    request: { body: json(NewRewardBody, "The reward.", BODY) },
    responses: { 201: json(RewardSchema, "The reward as it was added.", { ...EXAMPLE, redeemed: 0 }) },
  }),
  async (c) => {
    const reward = markReplay(
      c,
      await createReward(c.get("ctx"), c.req.valid("json"), c.get("idempotency")),
    );
    c.header("Location", `/v1/rewards/${reward.id}`);
    setEtag(c, reward.version);
    return c.json(reward, 201);
  },
);

rewardRoutes.openapi(
  endpoint({ policy: "public" }, {
    method: "get",
    path: "/v1/rewards",
    operationId: "listRewards",
    tags,
    summary: "List rewards",
    description: "Those that can be had now; to staff also the others. Newest first.",
    request: { query: ListQuery },
    responses: {
      200: json(pageSchema(RewardSchema).openapi("RewardPage"), "One page.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listRewards(c.get("ctx"), c.req.valid("query"))), 200),
);

rewardRoutes.openapi(
  endpoint({ policy: "public", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/rewards/{id}",
    operationId: "getReward",
    tags,
    summary: "Get a reward",
    description: "`redeemed` is what it is now; it changes without a new version.",
    request: { params: IdParam },
    responses: { 200: json(RewardSchema, "The reward.", EXAMPLE) },
  }),
  async (c) => {
    const reward = await getReward(c.get("ctx"), c.req.valid("param").id);
    // No 304: `redeemed` changes without the version.
    setEtag(c, reward.version);
    return c.json(reward, 200);
  },
);

rewardRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "patch",
    path: "/v1/rewards/{id}",
    operationId: "changeReward",
    tags,
    summary: "Change when, how often or whether a reward can be had",
    description:
      "Fields that are left out stay (RFC 7396); where nothing differs, the version stays. Who redeemed it keeps what they " +
      "have: `max_redemptions` cannot be less than that.",
    request: {
      params: IdParam,
      body: json(ChangeRewardBody, "What changes.", { max_redemptions: 2000 }),
    },
    responses: {
      200: json(RewardSchema, "The reward after it.", { ...EXAMPLE, max_redemptions: 2000, version: 2 }),
    },
  }),
  async (c) => {
    const reward = await changeReward(c.get("ctx"), {
      ...c.req.valid("param"),
      changes: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, reward.version);
    return c.json(reward, 200);
  },
);

rewardRoutes.openapi(
  endpoint({ policy: "user", idempotent: true, errors: ["not_found", "reward_refused"] }, {
    method: "post",
    path: "/v1/rewards/{id}/redemptions",
    operationId: "redeemReward",
    tags,
    summary: "Redeem points for a reward",
    description:
      "Takes the points and gives a coupon of the customer's own for `coupon_code` of a cart or an order, good once. Of those " +
      "who come at once for the last one, or with the last points, one gets it.",
    request: {
      params: IdParam,
      body: { ...json(RedeemBody, "Whose points, if they are not the caller's.", {}), required: false },
    },
    responses: { 201: json(RewardRedemptionSchema, "The coupon.", REDEMPTION) },
  }),
  async (c) => {
    const input = { ...c.req.valid("param"), ...c.req.valid("json") };
    const redemption = markReplay(c, await redeemReward(c.get("ctx"), input, c.get("idempotency")));
    c.header("Location", `/v1/reward-redemptions/${redemption.id}`);
    return c.json(redemption, 201);
  },
);

rewardRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/reward-redemptions",
    operationId: "listRewardRedemptions",
    tags,
    summary: "List redemptions of rewards",
    description: "Your own, with their coupons; staff see everyone's. Newest first. All filters must hold.",
    request: { query: RedemptionsQuery },
    responses: {
      200: json(pageSchema(RewardRedemptionSchema).openapi("RewardRedemptionPage"), "One page.", {
        data: [REDEMPTION],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listRewardRedemptions(c.get("ctx"), c.req.valid("query"))), 200),
);

rewardRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/reward-redemptions/{id}",
    operationId: "getRewardRedemption",
    tags,
    summary: "Get a redemption of a reward",
    description: "With its coupon.",
    request: { params: IdParam },
    responses: {
      200: json(RewardRedemptionSchema, "The redemption.", REDEMPTION),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const redemption = await getRewardRedemption(c.get("ctx"), c.req.valid("param").id);
    return isSame(c, redemption) ? c.body(null, 304) : c.json(redemption, 200);
  },
);
