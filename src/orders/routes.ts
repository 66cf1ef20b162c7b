import { expectedVersion, isUnchanged, setEtag } from "../http/etag.ts";
import { pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, jsonText, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { EXAMPLE_SHORTAGE } from "../quotes/mod.ts";
import { EXAMPLE_ORDER as EXAMPLE } from "./example.ts";
import { getOrderAsOf } from "./as_of.ts";
import { cancelOrder, patchOrder } from "./change_order.ts";
import { explainOrder } from "./explain_order.ts";
import { explainGoods } from "./pricing.ts";
import { getOrder, getOrderTimeline, orderKey } from "./get_order.ts";
import type { Order } from "./order.ts";
import { listOrders } from "./list_orders.ts";
import { placeOrder } from "./place_order.ts";
import {
  CancelBody,
  ChangeOrderBody,
  ListQuery,
  OrderExplanationSchema,
  OrderQuery,
  OrderSchema,
  PlaceOrderBody,
  TimelineEntrySchema,
  TimelineQuery,
  UserOrdersQuery,
  UserParam,
} from "./schemas.ts";
import { wrongTransition } from "./transitions.ts";
import { orderFor, orderTextFor } from "./view.ts";

const tags = ["Orders"];
const orderAnswer = json(OrderSchema, "The order.", EXAMPLE);
const orderPage = json(pageSchema(OrderSchema).openapi("OrderPage"), "One page.", {
  data: [EXAMPLE],
  next_cursor: null,
});

export const orderRoutes = router();

orderRoutes.openapi(
  endpoint({
    policy: "user",
    idempotent: true,
    errors: ["order_refused", "insufficient_stock", "reference_taken"],
    examples: [EXAMPLE_SHORTAGE],
  }, {
    method: "post",
    path: "/v1/orders",
    operationId: "placeOrder",
    tags,
    summary: "Place an order",
    description:
      "Reserves the stock and fixes prices and names as of this moment. A refusal names every line at fault: unknown " +
      "or archived product, no price in the currency (422), or not enough in stock, with what is available (409). " +
      "Where the shop keeps schedules of duty and tax, a customer's order costs what a quote would: name a shipping option.",
    request: {
      body: json(PlaceOrderBody, "What, in which currency, where to.", {
        items: [{ sku: "MUG-BLUE", quantity: 2 }],
        currency: "EUR",
        ship_to: EXAMPLE.ship_to,
        shipping_option: "parcel-de",
      }),
    },
    responses: { 201: json(OrderSchema, "The order, PENDING; PAID where it costs nothing.", EXAMPLE) },
  }),
  async (c) => {
    const order = markReplay(c, await placeOrder(c.get("ctx"), c.req.valid("json"), c.get("idempotency")));
    c.header("Location", `/v1/orders/${order.id}`);
    setEtag(c, order.version);
    return c.json(orderFor(c.get("ctx").actor, order), 201);
  },
);

orderRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/orders",
    operationId: "listOrders",
    tags,
    summary: "List orders",
    description:
      "Your own; staff see everyone's. All filters must hold. Newest first unless sorted otherwise.",
    request: { query: ListQuery },
    responses: { 200: orderPage },
  }),
  async (c) =>
    c.json(
      pageView(await listOrders(c.get("ctx"), c.req.valid("query")), (order) =>
        orderFor(c.get("ctx").actor, order)),
      200,
    ),
);

orderRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/orders/user/{user_id}",
    operationId: "listUserOrders",
    tags,
    summary: "List one user's orders",
    description: "The same as listing orders with `user_id`. Another user's: 403, unless you are staff.",
    request: { params: UserParam, query: UserOrdersQuery },
    responses: { 200: orderPage },
  }),
  async (c) => {
    const page = await listOrders(c.get("ctx"), { ...c.req.valid("query"), ...c.req.valid("param") });
    return c.json(pageView(page, (order) => orderFor(c.get("ctx").actor, order)), 200);
  },
);

orderRoutes.openapi(
  endpoint({
    policy: "user",
    errors: ["not_found"],
    cacheKey: (c) => c.req.query("as_of") === undefined ? orderKey(c.req.param("id")!) : undefined,
  }, {
    method: "get",
    path: "/v1/orders/{id}",
    operationId: "getOrder",
    tags,
    summary: "Read an order",
    description:
      "From the cache where it is there (`X-Cache-Status`); a change is seen at once all the same. With `as_of` as it " +
      "was at that time, from the log: 404 before its `created_at`, as it is now for a time to come.",
    request: { params: IdParam, query: OrderQuery },
    responses: { 200: orderAnswer, 304: { description: "Unchanged since your ETag." } },
  }),
  async (c) => {
    const [{ id }, { as_of }] = [c.req.valid("param"), c.req.valid("query")];
    if (as_of !== undefined) {
      const order = await getOrderAsOf(c.get("ctx"), id, as_of);
      return isUnchanged(c, order.version)
        ? c.body(null, 304)
        : c.json(orderFor(c.get("ctx").actor, order), 200);
    }
    const order = await getOrder(c.get("ctx"), id);
    if (isUnchanged(c, order.value.version)) return c.body(null, 304);
    return jsonText<Order, 200>(c, orderTextFor(c.get("ctx").actor, order), 200);
  },
);

orderRoutes.openapi(
  endpoint({
    policy: "user",
    conditional: true,
    errors: ["not_found", "invalid_transition"],
    examples: [wrongTransition("SHIPPED", "PAID")],
  }, {
    method: "patch",
    path: "/v1/orders/{id}",
    operationId: "changeOrder",
    tags,
    summary: "Change an order",
    description:
      "Staff set its `status`: PENDING to PAID, PAID to PROCESSING, PROCESSING to SHIPPED, SHIPPED to DELIVERED; CANCELLED " +
      "until it ships, REFUNDED once it is PAID. PAID and REFUNDED record money that came or went outside of any provider. " +
      "Owners may set CANCELLED, note and metadata while it is PENDING, staff note and metadata always; the address changes " +
      "only while it is PENDING, and so does `pay_by`, by staff: how long it waits for its money. Fields that you leave out stay.",
    request: { params: IdParam, body: json(ChangeOrderBody, "What is to change.", { status: "PAID" }) },
    responses: { 200: orderAnswer },
  }),
  async (c) => {
    const order = await patchOrder(c.get("ctx"), {
      id: c.req.valid("param").id,
      change: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, order.version);
    return c.json(orderFor(c.get("ctx").actor, order), 200);
  },
);

orderRoutes.openapi(
  endpoint({ policy: "user", conditional: true, errors: ["not_found", "invalid_transition"] }, {
    method: "post",
    path: "/v1/orders/{id}/cancellation",
    operationId: "cancelOrder",
    tags,
    summary: "Cancel an order",
    description:
      "Frees its stock. Owners while it is PENDING, staff until it ships. Repeating it changes nothing. What was paid " +
      "through a provider goes back by itself a little later.",
    request: {
      params: IdParam,
      body: {
        ...json(CancelBody, "Why, if there is more to say.", { reason: "Ordered twice" }),
        required: false,
      },
    },
    responses: { 200: orderAnswer },
  }),
  async (c) => {
    const order = await cancelOrder(c.get("ctx"), {
      id: c.req.valid("param").id,
      reason: c.req.valid("json").reason,
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, order.version);
    return c.json(orderFor(c.get("ctx").actor, order), 200);
  },
);

orderRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/timeline",
    operationId: "getOrderTimeline",
    tags,
    summary: "What happened to an order?",
    description: "Every change with its time, who made it and what it was, oldest first.",
    request: { params: IdParam, query: TimelineQuery },
    responses: {
      200: json(pageSchema(TimelineEntrySchema).openapi("OrderTimeline"), "One page.", {
        data: [
          { sequence: 1, type: "order.created", at: EXAMPLE.placed_at, actor: "customer", changes: {} },
          {
            sequence: 2,
            type: "order.updated",
            at: "2026-01-31T12:05:00.000Z",
            actor: "staff",
            changes: { status: { from: "PENDING", to: "PAID" } },
          },
        ],
        next_cursor: null,
      }),
    },
  }),
  async (c) => {
    const page = await getOrderTimeline(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

orderRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/explanation",
    operationId: "explainOrder",
    tags,
    summary: "How did an order's price come to be?",
    description:
      "Every amount of every line as it was when the order was placed: which price, rate and rule made it, and how it was " +
      "rounded; and what whoever receives the goods pays on delivery. An order of a quote is explained as the quote was.",
    request: { params: IdParam },
    responses: {
      200: json(OrderExplanationSchema, "The explanation.", {
        order_id: EXAMPLE.id,
        quote_id: EXAMPLE.quote_id,
        currency: EXAMPLE.currency,
        total_price: EXAMPLE.total_price,
        duty_on_delivery: 0,
        tax_on_delivery: 0,
        explanation: explainGoods(EXAMPLE),
      }),
    },
  }),
  async (c) => c.json(await explainOrder(c.get("ctx"), c.req.valid("param").id), 200),
);
