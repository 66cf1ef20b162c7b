import { expectedVersion, isUnchanged, setEtag } from "../../http/etag.ts";
import { PageQuery, pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { cancelShipment, patchShipment } from "./change_shipment.ts";
import { getShipment, listOrderShipments, listShipments } from "./get_shipments.ts";
import { ChangeShipmentBody, ShipBody, ShipmentSchema, ShipmentsQuery } from "./schemas.ts";
import { shipOrder } from "./ship_order.ts";
import type { Shipment } from "./shipment.ts";

const tags = ["Shipments"];
const EXAMPLE: Shipment = {
  id: "0192f0d0-5b1e-7f02-9c44-2a7d6e8f9b31",
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  status: "shipped",
  items: [{ line: 1, sku: "MUG-BLUE", quantity: 2 }],
  carrier: "DHL",
  tracking_number: "00340434161094015902",
  tracking_url: "https://www.dhl.de/track?id=00340434161094015902",
  weight_grams: 900,
  version: 1,
  shipped_at: "2026-02-01T09:00:00.000Z",
  delivered_at: null,
  cancelled_at: null,
  updated_at: "2026-02-01T09:00:00.000Z",
};
const { carrier, tracking_number, tracking_url } = EXAMPLE;

const shipmentPage = json(pageSchema(ShipmentSchema).openapi("ShipmentPage"), "One page.", {
  data: [EXAMPLE],
  next_cursor: null,
});

export const shipmentRoutes = router();

shipmentRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: true,
    errors: ["not_found", "invalid_transition", "shipment_refused"],
  }, {
    method: "post",
    path: "/v1/orders/{id}/shipments",
    operationId: "shipOrder",
    tags,
    summary: "Ship an order, or a part of it",
    description:
      "The units leave the stock. The order must be PAID or PROCESSING (else 409); it is PROCESSING when a part of it " +
      "left, and SHIPPED when all did. Units whose refund is under way do not leave. More units of a line than are left to " +
      "be shipped: 422, naming the line.",
    request: {
      params: IdParam,
      body: json(ShipBody, "What leaves, and by whom.", {
        items: [{ line: 1, quantity: 2 }],
        carrier,
        tracking_number,
      }),
    },
    responses: { 201: json(ShipmentSchema, "The shipment.", EXAMPLE) },
  }),
  async (c) => {
    const input = { order_id: c.req.valid("param").id, ...c.req.valid("json") };
    const shipment = markReplay(c, await shipOrder(c.get("ctx"), input, c.get("idempotency")));
    c.header("Location", `/v1/shipments/${shipment.id}`);
    setEtag(c, shipment.version);
    return c.json(shipment, 201);
  },
);

shipmentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/shipments",
    operationId: "listOrderShipments",
    tags,
    summary: "What of an order has left?",
    description: "All shipments of the order, oldest first.",
    request: { params: IdParam, query: PageQuery },
    responses: { 200: shipmentPage },
  }),
  async (c) => {
    const page = await listOrderShipments(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

shipmentRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/shipments",
    operationId: "listShipments",
    tags,
    summary: "List shipments",
    description:
      "Those of your own orders, newest first; staff see everyone's. All filters must hold. `status=shipped` are those on " +
      "their way, `tracking_number` finds the one that a carrier speaks of.",
    request: { query: ShipmentsQuery },
    responses: { 200: shipmentPage },
  }),
  async (c) => {
    const page = await listShipments(c.get("ctx"), c.req.valid("query"));
    return c.json(pageView(page), 200);
  },
);

shipmentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/shipments/{id}",
    operationId: "getShipment",
    tags,
    summary: "Read a shipment",
    description: "What left together, by which carrier, and whether it arrived.",
    request: { params: IdParam },
    responses: {
      200: json(ShipmentSchema, "The shipment.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const shipment = await getShipment(c.get("ctx"), c.req.valid("param").id);
    return isUnchanged(c, shipment.version) ? c.body(null, 304) : c.json(shipment, 200);
  },
);

shipmentRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found", "invalid_transition"] }, {
    method: "patch",
    path: "/v1/shipments/{id}",
    operationId: "changeShipment",
    tags,
    summary: "Change a shipment",
    description:
      "Its tracking, or that it was delivered: the order is DELIVERED when all of its units are. Fields that you leave " +
      "out stay, null clears one. One that was cancelled changes no more (409).",
    request: {
      params: IdParam,
      body: json(ChangeShipmentBody, "What is to change.", { status: "delivered", tracking_url }),
    },
    responses: { 200: json(ShipmentSchema, "The shipment as it is then.", { ...EXAMPLE, version: 2 }) },
  }),
  async (c) => {
    const shipment = await patchShipment(c.get("ctx"), {
      id: c.req.valid("param").id,
      change: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, shipment.version);
    return c.json(shipment, 200);
  },
);

shipmentRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found", "invalid_transition"] }, {
    method: "post",
    path: "/v1/shipments/{id}/cancellation",
    operationId: "cancelShipment",
    tags,
    summary: "Cancel a shipment that never left",
    description:
      "For one that was recorded by mistake: its units are on hand again, held for the order, which is PROCESSING then. Units " +
      "of it that were refunded meanwhile are not sent any more, and free. Refused (409) once it was delivered, once units of " +
      "its lines came back or are to, and where its order is over. Repeating it changes nothing.",
    request: { params: IdParam },
    responses: {
      200: json(ShipmentSchema, "The shipment as it is then.", {
        ...EXAMPLE,
        status: "cancelled",
        version: 2,
        cancelled_at: "2026-02-01T09:30:00.000Z",
        updated_at: "2026-02-01T09:30:00.000Z",
      }),
    },
  }),
  async (c) => {
    const input = { id: c.req.valid("param").id, expectedVersion: expectedVersion(c) };
    const shipment = await cancelShipment(c.get("ctx"), input);
    setEtag(c, shipment.version);
    return c.json(shipment, 200);
  },
);
