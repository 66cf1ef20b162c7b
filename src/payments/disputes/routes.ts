import { isSame } from "../../http/etag.ts";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { EXAMPLE_DISPUTE } from "../example.ts";
import { getDispute, listDisputes } from "./list_disputes.ts";
import { DisputeSchema, DisputesQuery } from "./schemas.ts";

const tags = ["Payments"];

export const disputeRoutes = router();

disputeRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/disputes",
    operationId: "listDisputes",
    tags,
    summary: "List disputes",
    description:
      "Chargebacks: customers who asked their bank for their money back. Newest first; all filters must hold. " +
      "`status=needs_response` are those whose bank waits for evidence, which you give at the provider, until " +
      "`evidence_due_by`.\n\nProviders tell of them by webhook. While the bank has the money, nothing of it can be refunded " +
      "(`amount_disputed` of the payment), and the ledger has it as `disputed`; parcels are not held up. Of a lost dispute " +
      "a refund is booked by itself, of a won one the money is back.",
    request: { query: DisputesQuery },
    responses: {
      200: json(pageSchema(DisputeSchema).openapi("DisputePage"), "One page.", {
        data: [EXAMPLE_DISPUTE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listDisputes(c.get("ctx"), c.req.valid("query"))), 200),
);

disputeRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/disputes/{id}",
    operationId: "getDispute",
    tags,
    summary: "Read a dispute",
    description: "As it stands, as far as its provider told.",
    request: { params: IdParam },
    responses: {
      200: json(DisputeSchema, "The dispute.", EXAMPLE_DISPUTE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const dispute = await getDispute(c.get("ctx"), c.req.valid("param").id);
    return isSame(c, dispute) ? c.body(null, 304) : c.json(dispute, 200);
  },
);
