import { z } from "@hono/zod-openapi";
import { PageQuery } from "../../http/pagination.ts";
import { Id, text, Timestamp } from "../../http/schemas.ts";
import { SCOPES } from "../../platform/areas.ts";

const Name = text(1, 200).openapi({ description: "What it is for", example: "Warehouse" });

const Scopes = z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).openapi({
  example: ["orders:read", "shipments:write"],
});

export const ApiKeySchema = z.object({
  id: Id,
  user_id: Id.openapi({ description: "Whose it is: it does what they may do at that moment" }),
  name: Name,
  prefix: z.string().openapi({ description: "How it begins, to tell keys apart by", example: "wb_Zk8wQe4T" }),
  scopes: Scopes.nullable().openapi({
    description: "What it may do, if its user may; null: all that they may",
  }),
  expires_at: Timestamp.nullable().openapi({ description: "Null: never" }),
  last_used_at: Timestamp.nullable().openapi({ description: "To the hour; null: never" }),
  revoked_at: Timestamp.nullable().openapi({ description: "Null: it is good, until it expires" }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("ApiKey");

export const ApiKeyWithSecretSchema = ApiKeySchema.extend({
  key: z.string().openapi({
    description: "Send it as `Authorization: Bearer …`; shown only here",
    example: "wb_Zk8wQe4Tn7Uy1Pd6Gh3XrC2FVsBQIhrscChlQIMVb5s",
  }),
}).openapi("ApiKeyWithSecret");

export const CreateApiKeyBody = z.strictObject({
  name: Name,
  user_id: Id.optional().openapi({
    description: "Whose it is to be: yours unless said; another's by admins only",
  }),
  scopes: Scopes.optional().openapi({
    description:
      "What it may do, if its user may: of each part of the API, by its tag in this document, `:read` for GET or `:write` for " +
      "all calls; `x-scope` of a call is what it takes. `identity:write` makes accounts, and so what these may do; " +
      "`events:read` and `webhooks:write` are told of all that happens, orders and payments included. All unless said",
  }),
  expires_at: Timestamp.optional().openapi({ description: "Never unless said" }),
}).openapi("CreateApiKey");

export const ListApiKeysQuery = z.strictObject({
  user_id: Id.optional().openapi({ description: "Only this user's" }),
  ...PageQuery.shape,
});
