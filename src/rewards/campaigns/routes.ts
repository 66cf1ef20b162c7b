import type { z } from "@hono/zod-openapi";
import { expectedVersion, isUnchanged, setEtag } from "../../http/etag.ts";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import type { Campaign } from "./campaign.ts";
import { changeCampaign } from "./change_campaign.ts";
import { createCampaign } from "./create_campaign.ts";
import { getCampaign, listCampaignOrders, listCampaigns } from "./list_campaigns.ts";
import {
  CampaignOrderSchema,
  CampaignSchema,
  ChangeCampaignBody,
  ListQuery,
  NewCampaignBody,
  OrdersQuery,
} from "./schemas.ts";

const tags = ["Rewards"];

const BODY = {
  name: "Double points in the kitchen",
  points: 2,
  per_amount: [{ currency: "EUR", amount: 100 }],
  categories: ["Kitchen"],
  starts_at: "2026-02-01T00:00:00.000Z",
  ends_at: "2026-03-01T00:00:00.000Z",
} satisfies z.input<typeof NewCampaignBody>;

const EXAMPLE: Campaign = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  ...BODY,
  active: true,
  skus: [],
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

export const campaignRoutes = router();

campaignRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true }, {
    method: "post",
    path: "/v1/campaigns",
    operationId: "createCampaign",
    tags,
    summary: "Add a campaign",
    description:
      "Orders that are placed while it runs earn points by it once they are paid in full, and lose them again in " +
      "proportion to what is refunded. Campaigns that run at the same time add up. What it gives lasts: for other points, " +
      "amounts or goods add another campaign.",
    request: { body: json(NewCampaignBody, "The campaign.", BODY) },
    responses: { 201: json(CampaignSchema, "The campaign as it was added.", EXAMPLE) },
  }),
  async (c) => {
    const campaign = markReplay(
      c,
      await createCampaign(c.get("ctx"), c.req.valid("json"), c.get("idempotency")),
    );
    c.header("Location", `/v1/campaigns/${campaign.id}`);
    setEtag(c, campaign.version);
    return c.json(campaign, 201);
  },
);

campaignRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/campaigns",
    operationId: "listCampaigns",
    tags,
    summary: "List campaigns",
    description: "Newest first, also those that are over.",
    request: { query: ListQuery },
    responses: {
      200: json(pageSchema(CampaignSchema).openapi("CampaignPage"), "One page.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listCampaigns(c.get("ctx"), c.req.valid("query"))), 200),
);

campaignRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/campaigns/{id}",
    operationId: "getCampaign",
    tags,
    summary: "Get a campaign",
    description: "Also one that is over.",
    request: { params: IdParam },
    responses: {
      200: json(CampaignSchema, "The campaign.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const campaign = await getCampaign(c.get("ctx"), c.req.valid("param").id);
    return isUnchanged(c, campaign.version) ? c.body(null, 304) : c.json(campaign, 200);
  },
);

campaignRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "patch",
    path: "/v1/campaigns/{id}",
    operationId: "changeCampaign",
    tags,
    summary: "Change when or whether a campaign runs",
    description:
      "Fields that are left out stay (RFC 7396); where nothing differs, the version stays. Orders keep what they earned.",
    request: {
      params: IdParam,
      body: json(ChangeCampaignBody, "What changes.", { active: false }),
    },
    responses: {
      200: json(CampaignSchema, "The campaign after it.", {
        ...EXAMPLE,
        active: false,
        version: 2,
      }),
    },
  }),
  async (c) => {
    const campaign = await changeCampaign(c.get("ctx"), {
      ...c.req.valid("param"),
      changes: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, campaign.version);
    return c.json(campaign, 200);
  },
);

campaignRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/campaigns/{id}/orders",
    operationId: "listCampaignOrders",
    tags,
    summary: "Which orders earned points by a campaign?",
    description: "Newest first, also those whose points went back with their money.",
    request: { params: IdParam, query: OrdersQuery },
    responses: {
      200: json(pageSchema(CampaignOrderSchema).openapi("CampaignOrderPage"), "One page.", {
        data: [{ order_id: EXAMPLE.id, full_points: 52, points: 26 }],
        next_cursor: null,
      }),
    },
  }),
  async (c) => {
    const page = await listCampaignOrders(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);
