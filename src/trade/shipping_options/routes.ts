import { expectedVersion, isUnchanged, setEtag } from "../../http/etag.ts";
import { pageView } from "../../http/pagination.ts";
import { endpoint, json, router } from "../../http/router.ts";
import { getShippingOption, listShippingOffers } from "./list_shipping_options.ts";
import { putShippingOption, withdrawShippingOption } from "./put_shipping_option.ts";
import { OfferPage, OffersQuery, OptionParam, ShippingOptionBody, ShippingOptionSchema } from "../schemas.ts";

const tags = ["Trade"];

const BODY = {
  name: "Parcel, tracked",
  carrier: "DHL",
  countries: ["AT", "DE"],
  currency: "EUR",
  bands: [{ up_to_grams: 1000, price: 590 }, { up_to_grams: 5000, price: 890 }],
  free_from: 5000,
  min_days: 2,
  max_days: 4,
};
const EXAMPLE = {
  code: "parcel-eu",
  ...BODY,
  active: true,
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

export const shippingRoutes = router();

shippingRoutes.openapi(
  endpoint({ policy: "public" }, {
    method: "get",
    path: "/v1/shipping-options",
    operationId: "listShippingOffers",
    tags,
    summary: "How can goods be sent, and for how much?",
    description: "By code. What does not go to the destination, or does not take the weight, is left out.",
    request: { query: OffersQuery },
    responses: {
      200: json(OfferPage, "One page.", {
        data: [{
          code: "parcel-eu",
          name: BODY.name,
          carrier: BODY.carrier,
          price: 590,
          currency: "EUR",
          free_from: BODY.free_from,
          min_days: 2,
          max_days: 4,
        }],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listShippingOffers(c.get("ctx"), c.req.valid("query"))), 200),
);

shippingRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/shipping-options/{code}",
    operationId: "getShippingOption",
    tags,
    summary: "Get a shipping option",
    description: "Withdrawn ones too.",
    request: { params: OptionParam },
    responses: {
      200: json(ShippingOptionSchema, "The option.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const option = await getShippingOption(c.get("ctx"), c.req.valid("param").code);
    return isUnchanged(c, option.version) ? c.body(null, 304) : c.json(option, 200);
  },
);

shippingRoutes.openapi(
  endpoint({ policy: "staff", conditional: true }, {
    method: "put",
    path: "/v1/shipping-options/{code}",
    operationId: "putShippingOption",
    tags,
    summary: "Add or replace a shipping option",
    description: "The whole of it. One that was withdrawn is offered again.",
    request: { params: OptionParam, body: json(ShippingOptionBody, "The option.", BODY) },
    responses: {
      200: json(ShippingOptionSchema, "The option as it is now.", { ...EXAMPLE, version: 2 }),
      201: json(ShippingOptionSchema, "The option as it was added.", EXAMPLE),
    },
  }),
  async (c) => {
    const { option, created } = await putShippingOption(c.get("ctx"), {
      option: { ...c.req.valid("param"), ...c.req.valid("json") },
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, option.version);
    return created ? c.json(option, 201) : c.json(option, 200);
  },
);

shippingRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "delete",
    path: "/v1/shipping-options/{code}",
    operationId: "withdrawShippingOption",
    tags,
    summary: "Withdraw a shipping option",
    description: "It is not offered any more, but stays for those who look it up.",
    request: { params: OptionParam },
    responses: { 200: json(ShippingOptionSchema, "The option as it is now.", { ...EXAMPLE, active: false }) },
  }),
  async (c) => {
    const option = await withdrawShippingOption(c.get("ctx"), {
      ...c.req.valid("param"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, option.version);
    return c.json(option, 200);
  },
);
