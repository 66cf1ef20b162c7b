import type { z } from "@hono/zod-openapi";
import { expecting, isSame } from "../../http/etag.ts";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { createApiKey } from "./create_api_key.ts";
import { getApiKey, listApiKeys } from "./list_api_keys.ts";
import { revokeApiKey } from "./revoke_api_key.ts";
import { ApiKeySchema, ApiKeyWithSecretSchema, CreateApiKeyBody, ListApiKeysQuery } from "./schemas.ts";

const tags = ["Identity"];
const EXAMPLE: z.infer<typeof ApiKeySchema> = {
  id: "0192f0c5-4e5f-7061-b273-8d9e0f1a2b34",
  user_id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  name: "Warehouse",
  prefix: "wb_Zk8wQe4T",
  scopes: ["orders:read", "shipments:write"],
  expires_at: null,
  last_used_at: null,
  revoked_at: null,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};
const REVOKED = {
  ...EXAMPLE,
  revoked_at: "2026-03-01T09:00:00.000Z",
  updated_at: "2026-03-01T09:00:00.000Z",
};

export const apiKeyRoutes = router();

apiKeyRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "post",
    path: "/v1/api-keys",
    operationId: "createApiKey",
    tags,
    summary: "Let a program act for you",
    description:
      "A key for the warehouse's system, say: sent as `Authorization: Bearer …` it does what its user may do at that moment, " +
      "until it is revoked or expires; `scopes` limits it to a part of that. It does nothing while its user is disabled or a " +
      "customer, and outlives their password and sessions. It needs no refreshing, so any number of processes may share one. " +
      "For a program of its own make it a user (POST /v1/users, no password needed), and as an admin a key of that user's.\n\n" +
      "Requests by keys are counted by their address, on the limit of staff. A call that is repeated makes another key, also " +
      "with an `Idempotency-Key`, as no answer with a key is kept: revoke the one that you did not get.",
    request: {
      body: json(CreateApiKeyBody, "What it is for.", {
        name: "Warehouse",
        scopes: ["orders:read", "shipments:write"],
      }),
    },
    responses: {
      201: json(ApiKeyWithSecretSchema, "The key, shown only here.", {
        ...EXAMPLE,
        key: "wb_Zk8wQe4Tn7Uy1Pd6Gh3XrC2FVsBQIhrscChlQIMVb5s",
      }),
    },
  }),
  async (c) => {
    const created = await createApiKey(c.get("ctx"), c.req.valid("json"));
    c.header("Location", `/v1/api-keys/${created.id}`);
    return c.json(created, 201, { "Cache-Control": "no-store" });
  },
);

apiKeyRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/api-keys",
    operationId: "listApiKeys",
    tags,
    summary: "List API keys",
    description: "Newest first: your own; for admins, everybody's. Those that are revoked stay.",
    request: { query: ListApiKeysQuery },
    responses: {
      200: json(pageSchema(ApiKeySchema).openapi("ApiKeyPage"), "One page.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listApiKeys(c.get("ctx"), c.req.valid("query"))), 200),
);

apiKeyRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/api-keys/{id}",
    operationId: "getApiKey",
    tags,
    summary: "Read an API key",
    description: "All but the key itself. Your own; for admins, anybody's.",
    request: { params: IdParam },
    responses: {
      200: json(ApiKeySchema, "It.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const key = await getApiKey(c.get("ctx"), c.req.valid("param").id);
    return isSame(c, key) ? c.body(null, 304) : c.json(key, 200);
  },
);

apiKeyRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "delete",
    path: "/v1/api-keys/{id}",
    operationId: "revokeApiKey",
    tags,
    summary: "Revoke an API key",
    description:
      "It is worthless from the next request on; a live stream that it opened ends within 15 minutes. Your own; for admins, " +
      "anybody's. Again, it changes nothing.",
    request: { params: IdParam },
    responses: { 200: json(ApiKeySchema, "The key, which is revoked.", REVOKED) },
  }),
  async (c) => {
    const input = { id: c.req.valid("param").id, requireSame: expecting(c, "API key") };
    const key = await revokeApiKey(c.get("ctx"), input);
    isSame(c, key);
    return c.json(key, 200);
  },
);
