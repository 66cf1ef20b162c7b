import { endpoint, json, router } from "../../http/router.ts";
import { ProviderParam, WebhookReceived } from "../schemas.ts";
import { receiveWebhook } from "./webhooks.ts";

/** Declared without zod, and so not parsed by the router: nothing reads what nobody has signed. */
const SignedBytes = {
  description: "As the provider signs it.",
  content: {
    "application/json": {
      example: { type: "charge.captured", data: {} },
      schema: { type: "object" as const, properties: {}, additionalProperties: {} },
    },
  },
};

export const paymentWebhookRoutes = router();

paymentWebhookRoutes.openapi(
  endpoint({
    policy: "public",
    ignoreAuthorization: true,
    readsBytes: true,
    errors: ["not_found", "invalid_signature"],
  }, {
    method: "post",
    path: "/v1/payment-webhooks/{provider}",
    operationId: "receivePaymentWebhook",
    tags: ["Payments"],
    summary: "For payment providers: what happened",
    description:
      "Verified over the raw bytes and their time, remembered once, answered at once, and worked on by a job. Repeats and " +
      "any order are fine: what it says is asked of the provider, never believed.",
    request: {
      params: ProviderParam,
      body: SignedBytes,
    },
    responses: {
      200: json(WebhookReceived, "It is remembered.", { received: true }),
    },
  }),
  async (c) => {
    await receiveWebhook(c.get("ctx"), {
      provider: c.req.valid("param").provider,
      body: new Uint8Array(await c.req.arrayBuffer()),
      headers: c.req.raw.headers,
    });
    return c.json({ received: true as const }, 200);
  },
);
