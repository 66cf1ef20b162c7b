import { isSame } from "../../http/etag.ts";
import { PageQuery, pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { EXAMPLE_REFUND } from "../example.ts";
import { listAllRefunds, listOrderRefunds } from "../list_payments.ts";
import { RefundBody, RefundSchema, RefundsQuery } from "./schemas.ts";
import { getRefund } from "./get_refund.ts";
import { refundOrder } from "./refund_order.ts";

const tags = ["Payments"];
const refundAnswer = json(RefundSchema, "The refund.", EXAMPLE_REFUND);
const refundPage = json(pageSchema(RefundSchema).openapi("RefundPage"), "One page.", {
  data: [EXAMPLE_REFUND],
  next_cursor: null,
});

export const refundRoutes = router();

refundRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: "required",
    errors: ["not_found", "refund_refused"],
  }, {
    method: "post",
    path: "/v1/orders/{id}/refunds",
    operationId: "refundOrder",
    tags,
    summary: "Refund an order",
    description:
      "All that was paid, an amount, units of lines with their duty and tax to the minor unit, or the shipping alone, as for " +
      "a parcel that came late (`include_shipping` without `items`). Never more than was " +
      "captured, however many refunds are asked for at once. Where the provider does not answer, `status` stays " +
      "`pending`, and it is asked again, with the same key, until it does.\n\nUnits that have not left yet are refunded " +
      "first: they are `cancelled` when the refund succeeds, are not sent any more, and their stock is free. An order " +
      "whose units were all cancelled ends REFUNDED. Refunds of amounts, of shipping and of returns cancel nothing; but an " +
      "order all of whose money went back is REFUNDED, and sends nothing more. So where the shipping is all that is left of " +
      "the money, as of goods that a coupon made free, it cannot be refunded alone until they were sent.",
    request: {
      params: IdParam,
      body: json(RefundBody, "What, and why.", {
        items: [{ line: 1, quantity: 1 }],
        reason: "Arrived broken",
      }),
    },
    responses: { 201: refundAnswer },
  }),
  async (c) => {
    const input = { orderId: c.req.valid("param").id, ask: c.req.valid("json") };
    const refund = markReplay(c, await refundOrder(c.get("ctx"), input, c.get("idempotency")!));
    c.header("Location", `/v1/refunds/${refund.id}`);
    isSame(c, refund);
    return c.json(refund, 201);
  },
);

refundRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/refunds",
    operationId: "listRefunds",
    tags,
    summary: "List an order's refunds",
    description: "Oldest first.",
    request: { params: IdParam, query: PageQuery },
    responses: { 200: refundPage },
  }),
  async (c) => {
    const page = await listOrderRefunds(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

refundRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/refunds",
    operationId: "listAllRefunds",
    tags,
    summary: "List all refunds",
    description:
      "Newest first; all filters must hold. `status=failed` are those that staff have to look at, `status=pending` those " +
      "that their provider has not answered to, `provider_reference` finds the one that a provider's report names.",
    request: { query: RefundsQuery },
    responses: { 200: refundPage },
  }),
  async (c) => {
    const page = await listAllRefunds(c.get("ctx"), c.req.valid("query"));
    return c.json(pageView(page), 200);
  },
);

refundRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/refunds/{id}",
    operationId: "getRefund",
    tags,
    summary: "Read a refund",
    description: "As it stands.",
    request: { params: IdParam },
    responses: { 200: refundAnswer, 304: { description: "Unchanged since your ETag." } },
  }),
  async (c) => {
    const refund = await getRefund(c.get("ctx"), c.req.valid("param").id);
    return isSame(c, refund) ? c.body(null, 304) : c.json(refund, 200);
  },
);
