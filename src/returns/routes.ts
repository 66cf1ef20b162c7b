import { expectedVersion, setEtag } from "../http/etag.ts";
import { PageQuery, pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { patchReturn } from "./change_return.ts";
import { getReturn, listOrderReturns, listReturns } from "./get_return.ts";
import { receiveReturn } from "./receive_return.ts";
import { refundReturn } from "./refund_return.ts";
import { requestReturn } from "./request_return.ts";
import { type Return, wrongTransition } from "./return.ts";
import {
  ChangeReturnBody,
  ListQuery,
  ReceiptBody,
  RefundReturnBody,
  ReturnBody,
  ReturnSchema,
} from "./schemas.ts";

const tags = ["Returns"];
const REQUESTED: Return = {
  id: "0192f0e4-3c5d-7a10-8b21-5e7f9a0b1c2d",
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  status: "requested",
  items: [{ line: 1, sku: "MUG-BLUE", quantity: 2, restocked: 0, written_off: 0 }],
  reason: "Too small",
  staff_note: null,
  refund: null,
  version: 1,
  created_at: "2026-02-05T09:00:00.000Z",
  updated_at: "2026-02-05T09:00:00.000Z",
};
const RECEIVED: Return = {
  ...REQUESTED,
  status: "received",
  items: [{ line: 1, sku: "MUG-BLUE", quantity: 2, restocked: 1, written_off: 1 }],
  staff_note: "One handle is broken",
  version: 3,
};
const REFUNDED: Return = {
  ...RECEIVED,
  status: "refunded",
  refund: { id: "0192f0e9-6d7e-7b32-9c43-7f8a0b1c2d3e", status: "succeeded", currency: "EUR", amount: 2998 },
  version: 4,
};

const returnPage = json(pageSchema(ReturnSchema).openapi("ReturnPage"), "One page.", {
  data: [REQUESTED],
  next_cursor: null,
});

export const returnRoutes = router();

returnRoutes.openapi(
  endpoint({ policy: "user", idempotent: true, errors: ["not_found", "return_refused"] }, {
    method: "post",
    path: "/v1/orders/{id}/returns",
    operationId: "requestReturn",
    tags,
    summary: "Ask to send units of an order back",
    description:
      "Units that were shipped, have not come back and are in no other open return; else 422, naming the line and how " +
      "many can be returned. Staff approve or reject it.",
    request: {
      params: IdParam,
      body: json(ReturnBody, "Which units, and why.", {
        items: [{ line: 1, quantity: 2 }],
        reason: REQUESTED.reason,
      }),
    },
    responses: { 201: json(ReturnSchema, "The return.", REQUESTED) },
  }),
  async (c) => {
    const input = { orderId: c.req.valid("param").id, ...c.req.valid("json") };
    const ret = markReplay(c, await requestReturn(c.get("ctx"), input, c.get("idempotency")));
    c.header("Location", `/v1/returns/${ret.id}`);
    setEtag(c, ret.version);
    return c.json(ret, 201);
  },
);

returnRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/returns",
    operationId: "listOrderReturns",
    tags,
    summary: "List an order's returns",
    description: "Oldest first.",
    request: { params: IdParam, query: PageQuery },
    responses: { 200: returnPage },
  }),
  async (c) => {
    const page = await listOrderReturns(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

returnRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/returns",
    operationId: "listReturns",
    tags,
    summary: "List returns",
    description:
      "Those of your own orders, newest first; staff see everyone's. `status=requested` are those to be decided, " +
      "`status=approved` those on their way.",
    request: { query: ListQuery },
    responses: {
      200: returnPage,
    },
  }),
  async (c) => {
    const page = await listReturns(c.get("ctx"), c.req.valid("query"));
    return c.json(pageView(page), 200);
  },
);

returnRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/returns/{id}",
    operationId: "getReturn",
    tags,
    summary: "Read a return",
    description: "The `ETag` is for `If-Match`: how its refund stands changes without a new version.",
    request: { params: IdParam },
    responses: { 200: json(ReturnSchema, "The return.", REFUNDED) },
  }),
  async (c) => {
    const ret = await getReturn(c.get("ctx"), c.req.valid("param").id);
    setEtag(c, ret.version);
    return c.json(ret, 200);
  },
);

returnRoutes.openapi(
  endpoint({
    policy: "user",
    conditional: true,
    errors: ["not_found", "invalid_transition"],
    examples: [wrongTransition("received", "approved", "/status")],
  }, {
    method: "patch",
    path: "/v1/returns/{id}",
    operationId: "changeReturn",
    tags,
    summary: "Approve, reject or cancel a return",
    description:
      "Staff approve or reject one that is `requested`. Its owner, and staff, may cancel it until it was received; its " +
      "units can then be returned by another.",
    request: {
      params: IdParam,
      body: json(ChangeReturnBody, "What becomes of it.", { status: "approved" }),
    },
    responses: {
      200: json(ReturnSchema, "The return as it is then.", { ...REQUESTED, status: "approved", version: 2 }),
    },
  }),
  async (c) => {
    const ret = await patchReturn(c.get("ctx"), {
      id: c.req.valid("param").id,
      change: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, ret.version);
    return c.json(ret, 200);
  },
);

returnRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: true,
    conditional: true,
    errors: ["not_found", "invalid_transition", "return_refused", "refund_refused"],
    examples: [wrongTransition("requested", "received", "path/id")],
  }, {
    method: "post",
    path: "/v1/returns/{id}/receipt",
    operationId: "receiveReturn",
    tags,
    summary: "Record what came back",
    description:
      "Once, of an approved return; fewer units than were asked for are fine, and the others can be returned later. " +
      "Restocked units are on hand again, written off ones are not. With `refund` what came back is refunded as well, as by " +
      "POST /v1/returns/{id}/refund.",
    request: {
      params: IdParam,
      body: json(ReceiptBody, "The units, by line of the order.", {
        items: [{ line: 1, restocked: 1, written_off: 1 }],
        staff_note: RECEIVED.staff_note!,
      }),
    },
    responses: { 201: json(ReturnSchema, "The return as it is then.", RECEIVED) },
  }),
  async (c) => {
    const input = {
      id: c.req.valid("param").id,
      receipt: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    };
    const ret = markReplay(c, await receiveReturn(c.get("ctx"), input, c.get("idempotency")));
    setEtag(c, ret.version);
    return c.json(ret, 201);
  },
);

returnRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: "required",
    conditional: true,
    errors: ["not_found", "invalid_transition", "refund_refused"],
    examples: [wrongTransition("approved", "refunded", "path/id")],
  }, {
    method: "post",
    path: "/v1/returns/{id}/refund",
    operationId: "refundReturn",
    tags,
    summary: "Refund what came back",
    description:
      "The goods of the units that were received, with their duty and tax to the minor unit. Once; again, with a new key, " +
      "where `refund.status` is `failed`. Where the provider does not answer it stays `pending`, and the provider is asked " +
      "until it does.\n\nUnits of which all of their line was refunded before are not refunded again: where that leaves " +
      "nothing to give, the return is `refunded` with `refund` null. Where a part of a line was, nobody knows whether what " +
      "came back are those units: the refusal says how many are left, and `items` says how many are to be refunded.",
    request: {
      params: IdParam,
      body: { ...json(RefundReturnBody, "What else.", { include_shipping: true }), required: false },
    },
    responses: { 201: json(ReturnSchema, "The return as it is then.", REFUNDED) },
  }),
  async (c) => {
    const input = {
      ...c.req.valid("json"),
      id: c.req.valid("param").id,
      expectedVersion: expectedVersion(c),
    };
    const ret = markReplay(c, await refundReturn(c.get("ctx"), input, c.get("idempotency")!));
    setEtag(c, ret.version);
    return c.json(ret, 201);
  },
);
