import type { Context } from "hono";
import { expecting, isSame } from "../http/etag.ts";
import { PageQuery, pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { capturePayment, voidPayment } from "./capture_payment.ts";
import { createPayment, getPayment, refreshPayment } from "./create_payment.ts";
import {
  EXAMPLE_MANUAL_PAYMENT,
  EXAMPLE_PAYMENT,
  EXAMPLE_STAFF_ONLY,
  EXAMPLE_TOO_MUCH,
  EXAMPLE_UNDER_WAY,
  EXAMPLE_VOIDED_LATE,
} from "./example.ts";
import { listAllPayments, listOrderPayments } from "./list_payments.ts";
import { paymentView } from "./payment.ts";
import { recordManualPayment } from "./record_manual_payment.ts";
import { CaptureBody, ManualPaymentBody, PaymentBody, PaymentSchema, PaymentsQuery } from "./schemas.ts";

const tags = ["Payments"];
const paymentAnswer = json(PaymentSchema, "The payment.", EXAMPLE_PAYMENT);
const paymentPage = json(pageSchema(PaymentSchema).openapi("PaymentPage"), "One page.", {
  data: [EXAMPLE_PAYMENT],
  next_cursor: null,
});
const UNCHANGED = { description: "Unchanged since your ETag." };

export const paymentRoutes = router();

paymentRoutes.openapi(
  endpoint({
    policy: "user",
    idempotent: true,
    errors: ["not_found", "payment_refused"],
    examples: [EXAMPLE_UNDER_WAY],
  }, {
    method: "post",
    path: "/v1/orders/{id}/payments",
    operationId: "createPayment",
    tags,
    summary: "Pay for an order",
    description:
      "The payment is stored, then charged. A declined card is an answer, not an error: `status` is `failed`. Where the " +
      "provider does not answer, `status` stays `created` and the provider is asked again by itself.\n\nWhat payments under " +
      "way may bring in is not asked for twice: the refusal (422) says in `errors` what is `payable` beside them, and which " +
      "`payments` they are. To pay in another way, as when the customer has closed the 3-D Secure page, void them first. " +
      "An order takes up to 100 payments, declined ones included.",
    request: {
      params: IdParam,
      body: json(PaymentBody, "By which provider, and what to charge.", {
        provider: "sandbox",
        payment_method: "tok_success",
      }),
    },
    responses: { 201: paymentAnswer },
  }),
  async (c) => {
    const input = { orderId: c.req.valid("param").id, ask: c.req.valid("json") };
    const payment = markReplay(c, await createPayment(c.get("ctx"), input, c.get("idempotency")));
    c.header("Location", `/v1/payments/${payment.id}`);
    return c.json(tagged(c, paymentView(payment)), 201);
  },
);

paymentRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: "required",
    errors: ["not_found", "payment_refused", "reference_taken"],
    examples: [EXAMPLE_UNDER_WAY],
  }, {
    method: "post",
    path: "/v1/orders/{id}/manual-payments",
    operationId: "recordManualPayment",
    tags,
    summary: "Record money that came in without a provider",
    description:
      "By bank transfer, in cash: a payment whose `provider` is `manual`, captured at once, of all that is due or of a part. " +
      "An order that is paid in part waits a week for the rest. Beside payments under way only what " +
      "they leave can be recorded, or it would be paid twice.\n\nSuch money goes back by your own hands: nothing refunds it by " +
      "itself, and a refund of it is `manual` and done at once. A refund takes what providers hold first, unless it is asked " +
      "for with `manual: true`.",
    request: {
      params: IdParam,
      body: json(ManualPaymentBody, "How much, and what the bank calls it.", {
        amount: 1500,
        reference: "2026-02-02/0042",
      }),
    },
    responses: { 201: json(PaymentSchema, "The payment.", EXAMPLE_MANUAL_PAYMENT) },
  }),
  async (c) => {
    const input = { orderId: c.req.valid("param").id, ...c.req.valid("json") };
    const payment = markReplay(c, await recordManualPayment(c.get("ctx"), input, c.get("idempotency")!));
    c.header("Location", `/v1/payments/${payment.id}`);
    return c.json(tagged(c, paymentView(payment)), 201);
  },
);

paymentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/payments",
    operationId: "listPayments",
    tags,
    summary: "List an order's payments",
    description: "Oldest first.",
    request: { params: IdParam, query: PageQuery },
    responses: { 200: paymentPage },
  }),
  async (c) => {
    const page = await listOrderPayments(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page, paymentView), 200);
  },
);

paymentRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/payments",
    operationId: "listAllPayments",
    tags,
    summary: "List all payments",
    description:
      "Newest first; all filters must hold. `status=authorised` are those to be captured or voided, " +
      "`provider_reference` finds the one that a provider's report names.",
    request: { query: PaymentsQuery },
    responses: { 200: paymentPage },
  }),
  async (c) => {
    const page = await listAllPayments(c.get("ctx"), c.req.valid("query"));
    return c.json(pageView(page, paymentView), 200);
  },
);

paymentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/payments/{id}",
    operationId: "getPayment",
    tags,
    summary: "Read a payment",
    description: "As it stands.",
    request: { params: IdParam },
    responses: { 200: paymentAnswer, 304: UNCHANGED },
  }),
  async (c) => {
    const payment = paymentView(await getPayment(c.get("ctx"), c.req.valid("param").id));
    return isSame(c, payment) ? c.body(null, 304) : c.json(payment, 200);
  },
);

paymentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "post",
    path: "/v1/payments/{id}/refresh",
    operationId: "refreshPayment",
    tags,
    summary: "Ask the provider how a payment stands",
    description:
      "For the page that the customer comes back to: it need not wait for the provider's webhook, and whichever is first, " +
      "the other changes nothing.",
    request: { params: IdParam },
    responses: { 200: paymentAnswer },
  }),
  async (c) => {
    const ctx = c.get("ctx");
    const payment = await getPayment(ctx, c.req.valid("param").id);
    return c.json(tagged(c, paymentView(await refreshPayment(ctx, payment))), 200);
  },
);

paymentRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: true,
    conditional: true,
    errors: [
      "not_found",
      "capture_under_way",
      "invalid_transition",
      "payment_refused",
      "provider_unavailable",
    ],
    examples: [EXAMPLE_TOO_MUCH],
  }, {
    method: "post",
    path: "/v1/payments/{id}/captures",
    operationId: "capturePayment",
    tags,
    summary: "Capture what is reserved",
    description:
      "All of it, or a part: at the sandbox more can follow; at Stripe, which captures once, the rest is let go.\n\nOne " +
      "at a time: while another has not been answered it is 409 `capture_under_way`. Look at the payment before you " +
      "repeat it, as the other may have done the same. Where nothing is reserved any more, as somebody has voided or " +
      "captured it, it is 409 `invalid_transition` with its `status` in `errors`.",
    request: {
      params: IdParam,
      body: { ...json(CaptureBody, "How much, if not all.", { amount: 1000 }), required: false },
    },
    responses: { 201: paymentAnswer },
  }),
  async (c) => {
    const input = {
      id: c.req.valid("param").id,
      amount: c.req.valid("json").amount,
      requireSame: expecting(c, "payment"),
    };
    const payment = markReplay(c, await capturePayment(c.get("ctx"), input, c.get("idempotency")));
    return c.json(tagged(c, paymentView(payment)), 201);
  },
);

paymentRoutes.openapi(
  endpoint({
    policy: "user",
    conditional: true,
    errors: [
      "not_found",
      "invalid_transition",
      "capture_under_way",
      "payment_refused",
      "provider_unavailable",
    ],
    examples: [EXAMPLE_VOIDED_LATE, EXAMPLE_STAFF_ONLY],
  }, {
    method: "post",
    path: "/v1/payments/{id}/void",
    operationId: "voidPayment",
    tags,
    summary: "Let go of a payment",
    description:
      "Its order's owner while nothing was reserved or captured: one that is `created`, `requires_action` or `processing`, " +
      "to pay in another way. Staff also of what is `authorised`. The provider decides whether that is in time: where the " +
      "customer was faster at the bank it is 409, and the payment says what has come of it; what the provider is " +
      "`processing` and lets nobody stop is 422. One that its provider has not heard of may be on its way for a minute, at " +
      "Stripe for an hour (503); then it is `failed` with the code `voided`. Repeating it changes nothing.",
    request: { params: IdParam },
    responses: { 200: paymentAnswer },
  }),
  async (c) => {
    const input = { id: c.req.valid("param").id, requireSame: expecting(c, "payment") };
    return c.json(tagged(c, paymentView(await voidPayment(c.get("ctx"), input))), 200);
  },
);

/** What is answered, with its `ETag`. */
function tagged<T extends object>(c: Context, answer: T): T {
  isSame(c, answer);
  return answer;
}
