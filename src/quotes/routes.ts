import { TokenHeader } from "../carts/mod.ts";
import { expectedVersion, setEtag } from "../http/etag.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { EXAMPLE_ESTIMATE, EXAMPLE_QUOTE, EXAMPLE_SHORTAGE } from "./example.ts";
import { giveUpCart } from "./end_carts.ts";
import { getQuote } from "./get_quote.ts";
import { quoteCart } from "./quote_cart.ts";
import { listEstimates } from "./list_estimates.ts";
import { EstimateList, EstimateQuery, QuoteBody, QuoteSchema } from "./schemas.ts";

const tags = ["Quotes"];

export const quoteRoutes = router();

quoteRoutes.openapi(
  endpoint({
    policy: "user",
    idempotent: true,
    errors: ["not_found", "quote_refused", "insufficient_stock", "cart_closed"],
    examples: [EXAMPLE_SHORTAGE],
  }, {
    method: "post",
    path: "/v1/carts/{id}/quotes",
    operationId: "quoteCart",
    tags,
    summary: "What will this cart cost at the door?",
    description:
      "One binding offer: price, discount, exchange rate, shipping, duty, tax and permission, with the stock and a use of the " +
      "cart's coupon held until `expires_at`, and the working of every amount. A refusal names everything in the way: goods " +
      "that may not go there, a missing HS code, a destination nobody knows the law of, a coupon that cannot be used " +
      "(`coupon_…`: say another in the cart, or null), too little stock (which alone is 409). A newer quote of the cart takes " +
      "the place of this one.",
    request: {
      params: IdParam,
      body: json(QuoteBody, "Where to, and who pays at the border.", {
        destination: "GB",
        incoterm: "DDP",
        shipping_option: "parcel-world",
      }),
    },
    responses: { 201: json(QuoteSchema, "The quote.", EXAMPLE_QUOTE) },
  }),
  async (c) => {
    const input = { cartId: c.req.valid("param").id, ask: c.req.valid("json") };
    const quote = markReplay(c, await quoteCart(c.get("ctx"), input, c.get("idempotency")));
    c.header("Location", `/v1/quotes/${quote.id}`);
    return c.json(quote, 201);
  },
);

quoteRoutes.openapi(
  endpoint({
    policy: "public",
    errors: ["not_found", "quote_refused", "insufficient_stock", "cart_closed"],
    examples: [EXAMPLE_SHORTAGE],
  }, {
    method: "get",
    path: "/v1/carts/{id}/estimates",
    operationId: "estimateCart",
    tags,
    summary: "What would this cart cost by each shipping option?",
    description:
      "As quotes would say it now, but nothing is held and nothing binds: for choosing between options, destinations and " +
      "incoterms. Options that do not take the cart are left out; where none does, a refusal says why. Also for guests, " +
      "who show their cart's token.",
    request: { params: IdParam, headers: TokenHeader, query: EstimateQuery },
    responses: { 200: json(EstimateList, "The estimates.", { data: [EXAMPLE_ESTIMATE] }) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const input = { cartId: id, token: c.req.header("Cart-Token"), ask: c.req.valid("query") };
    const data = await listEstimates(c.get("ctx"), input);
    return c.json({ data }, 200, { "Cache-Control": "no-store" });
  },
);

quoteRoutes.openapi(
  endpoint({ policy: "public", conditional: true, errors: ["not_found", "cart_closed"] }, {
    method: "delete",
    path: "/v1/carts/{id}",
    operationId: "giveUpCart",
    tags: ["Carts"],
    summary: "Give a cart up",
    description:
      "It expires now, and its quote with it: the stock is free again. Repeating it changes nothing. By its user, or by " +
      "whoever shows a guest's token in `Cart-Token`.",
    request: { params: IdParam, headers: TokenHeader },
    responses: { 204: { description: "It has expired." } },
  }),
  async (c) => {
    const target = {
      id: c.req.valid("param").id,
      token: c.req.header("Cart-Token"),
      expectedVersion: expectedVersion(c),
    };
    setEtag(c, await giveUpCart(c.get("ctx"), target));
    return c.body(null, 204);
  },
);

quoteRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/quotes/{id}",
    operationId: "getQuote",
    tags,
    summary: "Read a quote",
    description: "With its explanation, and what became of it: it stays readable for good.",
    request: { params: IdParam },
    responses: { 200: json(QuoteSchema, "The quote.", EXAMPLE_QUOTE) },
  }),
  async (c) => c.json(await getQuote(c.get("ctx"), c.req.valid("param").id), 200),
);
