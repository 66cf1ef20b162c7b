import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import { ConsigneeBody, ConsigneeSchema, type ConsigneeView } from "../consignees/mod.ts";
import { expecting, isSame, isTagged } from "../http/etag.ts";
import { type AppEnv, endpoint, json, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { getConsignee } from "./get_consignee.ts";
import { getInvoice, getShipmentInvoice, type InvoiceEdition } from "./get_invoice.ts";
import { recordConsignee } from "./record_consignee.ts";

const tags = ["Documents"];
const EXAMPLE: ConsigneeView = {
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  id_type: "PCCC",
  masked_name: "H*** G******",
  masked_id: "*********9012",
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};
const Pdf = z.string().openapi({ format: "binary", description: "PDF 1.7, A4" });
const UNCHANGED = { description: "Unchanged since your ETag." };
/** Caches may keep it for whoever asked, and ask whether it still holds. */
const PRIVATE = "private, no-cache";

export const documentRoutes = router();

documentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/consignee",
    operationId: "getConsignee",
    tags,
    summary: "Who receives the goods, for customs?",
    description:
      "Only masked, for the order's owner as for staff. In full it is printed on the commercial invoice that staff get.",
    request: { params: IdParam },
    responses: { 200: json(ConsigneeSchema, "The consignee, masked.", EXAMPLE), 304: UNCHANGED },
  }),
  async (c) => {
    const consignee = await getConsignee(c.get("ctx"), c.req.valid("param").id);
    return isSame(c, consignee) ? c.body(null, 304) : c.json(consignee, 200);
  },
);

documentRoutes.openapi(
  endpoint({ policy: "user", conditional: true, errors: ["not_found"] }, {
    method: "put",
    path: "/v1/orders/{id}/consignee",
    operationId: "recordConsignee",
    tags,
    summary: "Say who receives the goods, for customs",
    description:
      "For destinations whose customs ask for a name and an identity number. The order's owner may until goods leave; " +
      "staff may always. It is kept encrypted, answered masked, and is in no log and no event. A server without a key " +
      "to encrypt it with answers 503.",
    request: {
      params: IdParam,
      body: json(ConsigneeBody, "Name and number.", {
        name: "Hong Gildong",
        id_type: "PCCC",
        id_number: "P123456789012",
      }),
    },
    responses: { 200: json(ConsigneeSchema, "The consignee, masked.", EXAMPLE) },
  }),
  async (c) => {
    const consignee = await recordConsignee(c.get("ctx"), {
      orderId: c.req.valid("param").id,
      consignee: c.req.valid("json"),
      requireSame: expecting(c, "consignee"),
    });
    isSame(c, consignee);
    return c.json(consignee, 200);
  },
);

const INVOICE = {
  200: {
    description: "The invoice.",
    content: { "application/pdf": { schema: Pdf, example: "%PDF-1.7 …" } },
  },
  304: UNCHANGED,
};

documentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found", "document_incomplete"] }, {
    method: "get",
    path: "/v1/orders/{id}/documents/commercial-invoice.pdf",
    operationId: "getCommercialInvoice",
    tags,
    summary: "The order's commercial invoice, as PDF",
    description:
      "For customs: goods with HS code, origin, weight and value, terms of delivery, seller and consignee. Goods that " +
      "leave the country that they are sent from, other than within the EU, need seller, HS codes, origins and weights: " +
      "what is missing is named (409). Units that were refunded before they left are not on it. Where it leaves in several " +
      "parcels, each has its own: `/v1/shipments/{id}/documents/commercial-invoice.pdf`. Staff get the consignee in full, " +
      "the order's owner masked. The `ETag` is the order's version and a fingerprint of what is printed.",
    request: { params: IdParam },
    responses: INVOICE,
  }),
  async (c) => await answer(c, await getInvoice(c.get("ctx"), c.req.valid("param").id)),
);

documentRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found", "document_incomplete"] }, {
    method: "get",
    path: "/v1/shipments/{id}/documents/commercial-invoice.pdf",
    operationId: "getShipmentInvoice",
    tags,
    summary: "A parcel's commercial invoice, as PDF",
    description:
      "As the order's, of what is in this shipment alone: its units with their share of shipping, duty and tax. Where an " +
      "order leaves in several parcels, each needs its own. Its number is the order's with `-1`, `-2` …, its date the day " +
      "on which it left. The `ETag` is the shipment's version and a fingerprint of what is printed.",
    request: { params: IdParam },
    responses: INVOICE,
  }),
  async (c) => await answer(c, await getShipmentInvoice(c.get("ctx"), c.req.valid("param").id)),
);

async function answer(c: Context<AppEnv>, { invoice, tag }: InvoiceEdition) {
  if (isTagged(c, tag)) return c.body(null, 304);
  const { drawInvoice } = await import("./draw_invoice.ts"); // fonts and PDF: half a second that no start needs
  return c.body(await drawInvoice(invoice), 200, {
    "Content-Type": "application/pdf",
    "Content-Disposition": `inline; filename="${invoice.number}-commercial-invoice.pdf"`,
    "Cache-Control": PRIVATE,
  });
}
