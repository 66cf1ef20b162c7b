import type { OpenAPIHono } from "@hono/zod-openapi";
import { EVENT_TYPES } from "../events/mod.ts";
import { expectedVersion, isUnchanged, setEtag } from "../http/etag.ts";
import { PageQuery, pageView } from "../http/pagination.ts";
import { type AppEnv, endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { changeEndpoint } from "./change_endpoint.ts";
import { createEndpoint } from "./create_endpoint.ts";
import { PING } from "./delivery.ts";
import { deleteEndpoint } from "./delete_endpoint.ts";
import { getDelivery } from "./get_delivery.ts";
import { getEndpoint } from "./get_endpoint.ts";
import { listDeliveries } from "./list_deliveries.ts";
import { listEndpoints } from "./list_endpoints.ts";
import { pingEndpoint } from "./ping_endpoint.ts";
import { redeliver } from "./redeliver.ts";
import { rotateSecret } from "./rotate_secret.ts";
import {
  ChangeEndpointBody,
  DeliveryPage,
  DeliveryQuery,
  DeliverySchema,
  DeliveryWithAttemptsSchema,
  EndpointPage,
  EndpointSchema,
  EndpointWithSecretSchema,
  messageSchema,
  NewEndpointBody,
  PingMessage,
  RotationBody,
} from "./schemas.ts";

const tags = ["Webhooks"];

const EXAMPLE = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  url: "https://shop.example.com/webhooks",
  description: "The shop's own back office",
  event_types: ["order.*", "product.updated"],
  status: "enabled" as const,
  disabled_reason: null,
  previous_secret_until: null,
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};
const WITH_SECRET = { ...EXAMPLE, secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" };

const PENDING = {
  id: "0192f0c2-11aa-7e0f-8c55-4d1a9c3e7b20",
  endpoint_id: EXAMPLE.id,
  event_id: null,
  event_type: "webhook.ping",
  status: "pending" as const,
  attempts: 0,
  next_attempt_at: "2026-01-31T12:00:00.000Z",
  created_at: "2026-01-31T12:00:00.000Z",
  finished_at: null,
};
const SUCCEEDED = {
  ...PENDING,
  event_id: "4a2f7f0e-6a52-4c0e-9df0-0a4a5fd1b2c3",
  event_type: "order.created",
  status: "succeeded" as const,
  attempts: 1,
  next_attempt_at: null,
  finished_at: "2026-01-31T12:00:00.120Z",
};

export const webhookRoutes = router();

webhookRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true }, {
    method: "post",
    path: "/v1/webhook-endpoints",
    operationId: "createWebhookEndpoint",
    tags,
    summary: "Have another system told of events",
    description:
      `From now on, each event of these types is sent to the URL as a POST of \`{ type, timestamp, data }\`, where \
\`data\` is the event. Messages follow [Standard Webhooks](https://www.standardwebhooks.com): verify \
\`webhook-signature\` with the \`secret\` and one of its libraries.

**At least once**: a message can come again, with the same \`webhook-id\`; keep that of those you have worked on. \
**In no order**: the event's \`sequence\` counts the events of one thing.

Any 2xx within 15 s is success. After anything else the message is sent again: after 5 s, 30 s, 2 min, 10 min, 30 min, \
1 h, 2 h, 4 h, 8 h, then each 12 h, each up to a fifth more, for three days, or as \`Retry-After\` of a 429 or 503 asks (a \
day at the most). 410 disables the endpoint, and so does a message that failed for three days in which no other succeeded. \
Redirects are not followed. Events that the worker comes to while an endpoint is disabled are not sent to it, not even \
once it is enabled again.`,
    request: {
      body: json(NewEndpointBody, "The endpoint.", {
        url: EXAMPLE.url,
        event_types: EXAMPLE.event_types,
        description: EXAMPLE.description,
      }),
    },
    responses: { 201: json(EndpointWithSecretSchema, "The endpoint, with its secret.", WITH_SECRET) },
  }),
  async (c) => {
    const created = markReplay(
      c,
      await createEndpoint(c.get("ctx"), c.req.valid("json"), c.get("idempotency")),
    );
    c.header("Location", `/v1/webhook-endpoints/${created.id}`);
    setEtag(c, created.version);
    return c.json(created, 201);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/webhook-endpoints",
    operationId: "listWebhookEndpoints",
    tags,
    summary: "List webhook endpoints",
    description: "Newest first.",
    request: { query: PageQuery },
    responses: { 200: json(EndpointPage, "One page.", { data: [EXAMPLE], next_cursor: null }) },
  }),
  async (c) => c.json(pageView(await listEndpoints(c.get("ctx"), c.req.valid("query"))), 200),
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/webhook-endpoints/{id}",
    operationId: "getWebhookEndpoint",
    tags,
    summary: "Get a webhook endpoint",
    description:
      "Without its secret, which is shown only where it is made: by the POST, and by each rotation.",
    request: { params: IdParam },
    responses: {
      200: json(EndpointSchema, "The endpoint.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const found = await getEndpoint(c.get("ctx"), c.req.valid("param").id);
    return isUnchanged(c, found.version) ? c.body(null, 304) : c.json(found, 200);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "patch",
    path: "/v1/webhook-endpoints/{id}",
    operationId: "changeWebhookEndpoint",
    tags,
    summary: "Change, disable or enable a webhook endpoint",
    description:
      "Fields that are left out stay; `event_types` replaces the list. What waits for a disabled endpoint fails when " +
      "its turn comes, and can be sent again once it is enabled.",
    request: {
      params: IdParam,
      body: json(ChangeEndpointBody, "What changes.", { event_types: ["order.created"], status: "enabled" }),
    },
    responses: { 200: json(EndpointSchema, "The endpoint after it.", { ...EXAMPLE, version: 2 }) },
  }),
  async (c) => {
    const changed = await changeEndpoint(c.get("ctx"), {
      id: c.req.valid("param").id,
      changes: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, changed.version);
    return c.json(changed, 200);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", conditional: "ends", errors: ["not_found"] }, {
    method: "delete",
    path: "/v1/webhook-endpoints/{id}",
    operationId: "deleteWebhookEndpoint",
    tags,
    summary: "Remove a webhook endpoint",
    description: "With its deliveries; what waits is not sent any more.",
    request: { params: IdParam },
    responses: { 204: { description: "Removed." } },
  }),
  async (c) => {
    await deleteEndpoint(c.get("ctx"), {
      id: c.req.valid("param").id,
      expectedVersion: expectedVersion(c),
    });
    return c.body(null, 204);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "post",
    path: "/v1/webhook-endpoints/{id}/secret-rotation",
    operationId: "rotateWebhookSecret",
    tags,
    summary: "Give a webhook endpoint a new secret",
    description:
      "Until the overlap ends messages carry the signatures of both, so that receivers can change over without missing " +
      "one. A rotation within it ends the overlap of the one before. 0 ends the old secret at once.",
    request: {
      params: IdParam,
      body: { ...json(RotationBody, "How long both sign.", { overlap_hours: 24 }), required: false },
    },
    responses: {
      200: json(EndpointWithSecretSchema, "The endpoint, with its new secret.", {
        ...WITH_SECRET,
        previous_secret_until: "2026-02-01T12:00:00.000Z",
        version: 2,
      }),
    },
  }),
  async (c) => {
    // A body that was left out is not parsed, and so has no defaults.
    const { overlap_hours } = RotationBody.parse(c.req.valid("json"));
    const rotated = await rotateSecret(c.get("ctx"), {
      id: c.req.valid("param").id,
      overlapHours: overlap_hours,
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, rotated.version);
    return c.json(rotated, 200);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "post",
    path: "/v1/webhook-endpoints/{id}/ping",
    operationId: "pingWebhookEndpoint",
    tags,
    summary: "Send a test message",
    description:
      "Of the type `webhook.ping`, with `data` of `{ endpoint_id }`; tried once, also where the endpoint is disabled.",
    request: { params: IdParam },
    responses: { 202: json(DeliverySchema, "The delivery: GET it to see how it went.", PENDING) },
  }),
  async (c) => {
    const delivery = await pingEndpoint(c.get("ctx"), c.req.valid("param").id);
    c.header("Location", `/v1/webhook-deliveries/${delivery.id}`);
    return c.json(delivery, 202);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/webhook-endpoints/{id}/deliveries",
    operationId: "listWebhookDeliveries",
    tags,
    summary: "List what was sent, and what waits",
    description: "Newest first. Finished deliveries are kept for 30 days.",
    request: { params: IdParam, query: DeliveryQuery },
    responses: { 200: json(DeliveryPage, "One page.", { data: [SUCCEEDED], next_cursor: null }) },
  }),
  async (c) => {
    const page = await listDeliveries(c.get("ctx"), c.req.valid("param").id, c.req.valid("query"));
    return c.json(pageView(page), 200);
  },
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/webhook-deliveries/{id}",
    operationId: "getWebhookDelivery",
    tags,
    summary: "See how a delivery went, attempt by attempt",
    description: "Each attempt with its time, what was answered (the first kilobyte), and how long it took.",
    request: { params: IdParam },
    responses: {
      200: json(DeliveryWithAttemptsSchema, "The delivery.", {
        ...SUCCEEDED,
        attempt_log: [{
          attempt: 1,
          attempted_at: "2026-01-31T12:00:00.036Z",
          duration_ms: 84,
          response_status: 200,
          response_body: "ok",
          error: null,
        }],
      }),
    },
  }),
  async (c) => c.json(await getDelivery(c.get("ctx"), c.req.valid("param").id), 200),
);

webhookRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found", "invalid_transition"] }, {
    method: "post",
    path: "/v1/webhook-deliveries/{id}/redelivery",
    operationId: "redeliverWebhook",
    tags,
    summary: "Send a delivery again",
    description:
      "At once, under the same `webhook-id`, whether it succeeded or failed; one that is pending only where it has been " +
      "overdue for an hour, as its job was cancelled (else 409). Its endpoint must be enabled (409), but for a ping. If it " +
      "fails it is tried again until three days after the delivery was made; later than that there is this one attempt.",
    request: { params: IdParam },
    responses: {
      202: json(DeliverySchema, "The delivery, pending again.", {
        ...SUCCEEDED,
        status: "pending",
        next_attempt_at: "2026-01-31T13:00:00.000Z",
        finished_at: null,
      }),
    },
  }),
  async (c) => c.json(await redeliver(c.get("ctx"), c.req.valid("param").id), 202),
);

/** What a receiver looks at before it reads a message, by Standard Webhooks but for the first; `sign` sends them. */
const MESSAGE_HEADERS = {
  "waybill-endpoint-id": {
    description:
      "The endpoint's id: which secret to verify by, where one URL is several endpoints'. It is not signed",
    schema: { type: "string" as const, format: "uuid" },
    example: EXAMPLE.id,
  },
  "webhook-id": {
    description: "The event's id, the same at each attempt: keep those that you have worked on",
    schema: { type: "string" as const },
    example: SUCCEEDED.event_id,
  },
  "webhook-timestamp": {
    description: "When this attempt was made, in Unix seconds; refuse what is older than a few minutes",
    schema: { type: "integer" as const },
    example: 1769860800,
  },
  "webhook-signature": {
    description:
      "`v1,` and the base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`, by the endpoint's secret; " +
      "while a secret is being rotated one by each, with a space between",
    schema: { type: "string" as const },
    example: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
  },
};

/**
 * Says in the contract what each message looks like, for generated SDKs to have its type. On the app itself, as routers
 * put a path before what is said on them.
 */
export function describeMessages({ openAPIRegistry }: OpenAPIHono<AppEnv>): void {
  const parameters = Object.entries(MESSAGE_HEADERS).map(([name, header]) => {
    openAPIRegistry.registerComponent("parameters", name, { name, in: "header", required: true, ...header });
    return { $ref: `#/components/parameters/${name}` };
  });
  const messages = [
    ...EVENT_TYPES.map((event) => ({
      ...event,
      description: `Sent to the endpoints that asked for \`${event.type}\`: see POST /v1/webhook-endpoints.`,
      message: messageSchema(event),
    })),
    {
      type: PING,
      summary: "Can you hear us?",
      description:
        "Sent where staff try it: see POST /v1/webhook-endpoints/{id}/ping. It is no event, and sent once.",
      message: PingMessage,
    },
  ];
  for (const { type, summary, description, message } of messages) {
    openAPIRegistry.registerWebhook({
      method: "post",
      path: type,
      operationId: type.replace(".", "_"),
      tags: ["Messages"],
      summary,
      security: [],
      description,
      parameters,
      request: { body: { ...json(message, "Signed, as Standard Webhooks says."), required: true } },
      responses: {
        "2XX": { description: "It was taken. After anything else it is sent again." },
        410: { description: "The endpoint is gone, and is disabled." },
      },
    });
  }
}
