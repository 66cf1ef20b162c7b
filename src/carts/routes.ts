import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { expectedVersion, setEtag } from "../http/etag.ts";
import { pageSchema, pageView } from "../http/pagination.ts";
import { type AppEnv, endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { addItem, patchCart, removeItem, setItem } from "./change_cart.ts";
import { createCart } from "./create_cart.ts";
import { getCart } from "./get_cart.ts";
import { listCarts } from "./list_carts.ts";
import { mergeCart } from "./merge_carts.ts";
import {
  AddItemBody,
  CartSchema,
  ChangeCartBody,
  CreateCartBody,
  ItemParam,
  ListQuery,
  NewCartSchema,
  PricedCartSchema,
  SetItemBody,
  TokenHeader,
} from "./schemas.ts";
import type { PricedCart } from "./view.ts";

const tags = ["Carts"];
const STORED: z.infer<typeof CartSchema> = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  user_id: null,
  status: "open",
  currency: "EUR",
  destination: "DE",
  items: [{ sku: "MUG-BLUE", quantity: 2, added_price: 1499 }],
  note: null,
  coupon_code: null,
  metadata: { channel: "web" },
  order_id: null,
  merged_into: null,
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
  expires_at: "2026-03-02T12:00:00.000Z",
};
const EXAMPLE: PricedCart = {
  ...STORED,
  items: [{
    sku: "MUG-BLUE",
    product_id: "0192f0bf-3c44-7b1d-9a10-62f7d0a4e911",
    name: "Blue mug",
    quantity: 2,
    unit_price: 1499,
    discount_amount: 0,
    line_total: 2998,
    available: 1,
  }],
  discount_total: 0,
  subtotal: 2998,
  problems: [{
    code: "short",
    sku: "MUG-BLUE",
    pointer: "/items/0",
    message: "1 of MUG-BLUE are available.",
    available: 1,
  }],
};
const TOKEN = "k3vZ0kq8mJf2yUeWb7nQxR5tHsLdPcGaOiE1uYw9zXM";
const cartAnswer = json(PricedCartSchema, "The cart, priced now.", EXAMPLE);
const WHO = "By its user, or by whoever shows a guest's token in `Cart-Token`.";
const WHEN = "The answer is the cart as it is then; where nothing changes, its version stays.";

/** Which cart a change means, and what the caller shows for it. */
const target = (c: Context<AppEnv>, id: string) => ({
  id,
  token: c.req.header("Cart-Token"),
  expectedVersion: expectedVersion(c),
});

/** The answer of every call that gives one cart: its version is the ETag. */
function answer(c: Context<AppEnv>, cart: PricedCart) {
  // No 304: prices and stock change without the cart.
  setEtag(c, cart.version);
  return c.json(cart, 200, { "Cache-Control": "no-store" });
}

export const cartRoutes = router();

cartRoutes.openapi(
  endpoint({ policy: "public", idempotent: true, errors: ["cart_refused"] }, {
    method: "post",
    path: "/v1/carts",
    operationId: "createCart",
    tags,
    summary: "Create a cart",
    description:
      "With an access token it is yours. Without one it is a guest's: the answer holds a `token`, only this once, which " +
      "opens the cart as the header `Cart-Token`. A guest's `Idempotency-Key` is not used, since a kept answer would " +
      "hold the token: a repeated call makes another cart. Refused are products that are not sold; what is out of " +
      "stock or has no price in the currency is told in `problems`.",
    request: {
      body: json(CreateCartBody, "What is in it from the start.", {
        currency: "EUR",
        destination: "DE",
        items: [{ sku: "MUG-BLUE", quantity: 2 }],
      }),
    },
    responses: { 201: json(NewCartSchema, "The cart.", { ...EXAMPLE, token: TOKEN }) },
  }),
  async (c) => {
    const cart = markReplay(c, await createCart(c.get("ctx"), c.req.valid("json"), c.get("idempotency")));
    setEtag(c, cart.version);
    return c.json(cart, 201, { "Location": `/v1/carts/${cart.id}`, "Cache-Control": "no-store" });
  },
);

cartRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/carts",
    operationId: "listCarts",
    tags,
    summary: "List carts",
    description:
      "Your own, newest first; staff see everyone's, also guests'. As they are kept: read one for its prices and stock.",
    request: { query: ListQuery },
    responses: {
      200: json(pageSchema(CartSchema).openapi("CartPage"), "One page.", {
        data: [STORED],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listCarts(c.get("ctx"), c.req.valid("query"))), 200),
);

cartRoutes.openapi(
  endpoint({ policy: "public", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/carts/{id}",
    operationId: "getCart",
    tags,
    summary: "Read a cart",
    description:
      "Priced and checked against the stock and the destination's trade rules on each read: see `problems`. " +
      `${WHO} Staff may read every cart.`,
    request: { params: IdParam, headers: TokenHeader },
    responses: { 200: cartAnswer },
  }),
  async (c) =>
    answer(
      c,
      await getCart(c.get("ctx"), { ...c.req.valid("param"), token: c.req.valid("header")["Cart-Token"] }),
    ),
);

cartRoutes.openapi(
  endpoint({ policy: "public", conditional: true, errors: ["not_found", "cart_closed"] }, {
    method: "patch",
    path: "/v1/carts/{id}",
    operationId: "changeCart",
    tags,
    summary: "Change a cart",
    description: `Fields that you leave out stay, null clears one. ${WHO} ${WHEN}`,
    request: {
      params: IdParam,
      headers: TokenHeader,
      body: json(ChangeCartBody, "What is to change.", { destination: "GB" }),
    },
    responses: { 200: cartAnswer },
  }),
  async (c) => {
    const change = c.req.valid("json");
    return answer(c, await patchCart(c.get("ctx"), { ...target(c, c.req.valid("param").id), change }));
  },
);

cartRoutes.openapi(
  endpoint({ policy: "public", conditional: true, errors: ["not_found", "cart_closed", "cart_refused"] }, {
    method: "post",
    path: "/v1/carts/{id}/items",
    operationId: "addCartItem",
    tags,
    summary: "Add units of a product to a cart",
    description:
      "To those that are there. Where a call may arrive twice, send `If-Match` or set the line instead. " +
      `${WHO} ${WHEN}`,
    request: {
      params: IdParam,
      headers: TokenHeader,
      body: json(AddItemBody, "How many of what.", { sku: "MUG-BLUE", quantity: 1 }),
    },
    responses: { 200: cartAnswer },
  }),
  async (c) => {
    const item = c.req.valid("json");
    return answer(c, await addItem(c.get("ctx"), { ...target(c, c.req.valid("param").id), item }));
  },
);

cartRoutes.openapi(
  endpoint({ policy: "public", conditional: true, errors: ["not_found", "cart_closed", "cart_refused"] }, {
    method: "put",
    path: "/v1/carts/{id}/items/{sku}",
    operationId: "setCartItem",
    tags,
    summary: "Set how many units of a product are in a cart",
    description:
      "Adds the line or changes it, and takes note of today's price. To take a line out, delete it. " +
      `${WHO} ${WHEN}`,
    request: {
      params: ItemParam,
      headers: TokenHeader,
      body: json(SetItemBody, "How many.", { quantity: 3 }),
    },
    responses: { 200: cartAnswer },
  }),
  async (c) => {
    const { id, sku } = c.req.valid("param");
    const item = { sku, ...c.req.valid("json") };
    return answer(c, await setItem(c.get("ctx"), { ...target(c, id), item }));
  },
);

cartRoutes.openapi(
  endpoint({ policy: "public", conditional: true, errors: ["not_found", "cart_closed"] }, {
    method: "delete",
    path: "/v1/carts/{id}/items/{sku}",
    operationId: "removeCartItem",
    tags,
    summary: "Take a product out of a cart",
    description: `A line that is not there changes nothing. ${WHO} ${WHEN}`,
    request: { params: ItemParam, headers: TokenHeader },
    responses: { 200: cartAnswer },
  }),
  async (c) => {
    const { id, sku } = c.req.valid("param");
    return answer(c, await removeItem(c.get("ctx"), { ...target(c, id), sku }));
  },
);

cartRoutes.openapi(
  endpoint({ policy: "user", conditional: true, errors: ["not_found", "cart_closed", "cart_refused"] }, {
    method: "post",
    path: "/v1/carts/{id}/merge",
    operationId: "mergeCart",
    tags,
    summary: "Make a guest's cart one's own",
    description:
      "For a guest who has logged in: shows the cart's `Cart-Token` beside the access token. Your open cart in the same " +
      "currency that was changed last takes over its lines; of a SKU that is in both the larger quantity counts; " +
      "destination, note and coupon code stay yours where you have set them, and so does each key of the metadata, as " +
      "long as there is room. The guest's cart is `merged` then. If you have no such cart, the guest's becomes yours, " +
      "and its token is void. `If-Match` means the guest's cart. Repeating it answers the same cart.",
    request: { params: IdParam, headers: TokenHeader },
    responses: { 200: json(PricedCartSchema, "The cart that came of it.", EXAMPLE) },
  }),
  async (c) => answer(c, await mergeCart(c.get("ctx"), target(c, c.req.valid("param").id))),
);
