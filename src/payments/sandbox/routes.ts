import { z } from "@hono/zod-openapi";
import { Hono, type MiddlewareHandler } from "hono";
import { gate } from "../../http/gate.ts";
import { type AppEnv, endpoint, json, router } from "../../http/router.ts";
import { invalidRequest } from "../../platform/errors.ts";
import { confirmAction, disputeCharge, getAction, refundAtBank, settleCharge } from "./actions.ts";
import { actionPage, contentSecurityPolicy, donePage } from "./page.ts";
import { SandboxDispute, SandboxDisputeBody } from "../disputes/schemas.ts";
import { BankRefundBody, RefundedCharge, SettledCharge } from "../schemas.ts";

const FORM = "application/x-www-form-urlencoded";
const ACTION_PATH = "/sandbox/3ds/:reference";

/**
 * `/sandbox/3ds/{reference}`: the page of the sandbox's bank, where a customer passes a 3-D Secure check or not. Who has
 * the address may answer it. Not found where the sandbox is not enabled.
 */
export const sandboxPages = new Hono<AppEnv>();

sandboxPages.get(
  ACTION_PATH,
  ...open("GET", []),
  async (c) => {
    const action = await getAction(c.get("ctx"), c.req.param("reference"));
    return c.html(actionPage(action), 200, pageHeaders(action.returnUrl));
  },
);

sandboxPages.post(
  ACTION_PATH,
  ...open("POST", [FORM]),
  async (c) => {
    const outcome = outcomeOf(await c.req.parseBody());
    const { action, next } = await confirmAction(c.get("ctx"), c.req.param("reference"), outcome);
    return next === null ? c.html(donePage(action), 200, pageHeaders(null)) : c.redirect(next, 303);
  },
);

/** The gate that everybody passes, as often as their rate limit lets them. */
function open(method: string, contentTypes: string[]) {
  const options = { policy: "public" as const, ignoreAuthorization: true };
  const route = `${method} ${ACTION_PATH}`;
  return gate(options, route, "payments:write", contentTypes, contentTypes.length > 0) as [
    MiddlewareHandler<AppEnv>,
  ];
}

function pageHeaders(returnUrl: string | null) {
  return { "Content-Security-Policy": contentSecurityPolicy(returnUrl), "Cache-Control": "no-store" };
}

/** @throws invalid_request */
function outcomeOf({ outcome }: Record<string, unknown>): "success" | "fail" {
  if (outcome === "success" || outcome === "fail") return outcome;
  throw invalidRequest([{ pointer: "/outcome", code: "invalid", message: "must be success or fail" }]);
}

const ChargeParam = z.object({
  reference: z.string().min(1).max(255).openapi({
    description: "What the bank calls the charge",
    example: "sandbox_0192f0c1",
  }),
});

/** What only a bank of one's own can be told. */
export const sandboxRoutes = router();

sandboxRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "post",
    path: "/v1/sandbox/charges/{reference}/settle",
    operationId: "settleSandboxCharge",
    tags: ["Payments"],
    summary: "Sandbox: let the bank decide about a late charge",
    description:
      "For `tok_late`: the charge is captured, or authorised where captures are manual, and the sandbox's bank sends its " +
      "signed webhook. Again, it changes nothing. Not found where the sandbox is not enabled.",
    request: { params: ChargeParam },
    responses: {
      200: json(SettledCharge, "How the charge stands at the bank.", {
        reference: "sandbox_0192f0c1",
        status: "captured",
      }),
    },
  }),
  async (c) => c.json(await settleCharge(c.get("ctx"), c.req.valid("param").reference), 200),
);

sandboxRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found", "refund_refused"] }, {
    method: "post",
    path: "/v1/sandbox/charges/{reference}/refund",
    operationId: "refundSandboxCharge",
    tags: ["Payments"],
    summary: "Sandbox: refund a charge at the bank",
    description:
      "As somebody would in a provider's dashboard: the sandbox's bank gives the money back, so much more with each call, " +
      "and sends its signed webhook; then the refund is found and booked. Not found where the sandbox is not enabled.",
    request: {
      params: ChargeParam,
      body: { ...json(BankRefundBody, "How much.", { amount: 1000 }), required: false },
    },
    responses: {
      200: json(RefundedCharge, "How the charge stands at the bank.", {
        reference: "sandbox_0192f0c1",
        amount_captured: 2998,
        amount_refunded: 1000,
      }),
    },
  }),
  async (c) => {
    const { amount } = c.req.valid("json");
    return c.json(await refundAtBank(c.get("ctx"), c.req.valid("param").reference, amount), 200);
  },
);

sandboxRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found", "payment_refused"] }, {
    method: "post",
    path: "/v1/sandbox/charges/{reference}/dispute",
    operationId: "disputeSandboxCharge",
    tags: ["Payments"],
    summary: "Sandbox: dispute a charge at the bank",
    description:
      "As a customer would who asks their bank for the money back, and then as the bank that decides: the first call opens " +
      "the charge's one dispute, others move it on until it is won, lost or closed. The sandbox's bank sends its signed " +
      "webhook each time. Not found where the sandbox is not enabled.",
    request: {
      params: ChargeParam,
      body: json(SandboxDisputeBody, "How the dispute stands.", { status: "needs_response" }),
    },
    responses: {
      200: json(SandboxDispute, "The dispute at the bank.", {
        reference: "dispute_0192f0c4",
        charge: "sandbox_0192f0c1",
        status: "needs_response",
        amount: 2998,
      }),
    },
  }),
  async (c) =>
    c.json(await disputeCharge(c.get("ctx"), c.req.valid("param").reference, c.req.valid("json")), 200),
);
