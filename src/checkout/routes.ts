import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { EXAMPLE_ORDER, orderView } from "../orders/mod.ts";
import { EXAMPLE_PAYMENT, paymentView } from "../payments/mod.ts";
import { AppError, invalidRequest } from "../platform/errors.ts";
import { checkOut } from "./check_out.ts";
import { CheckoutBody, CheckoutSchema } from "./schemas.ts";

const EXPIRED = new AppError("quote_not_open", "The quote has expired. Ask for a new one.", {
  errors: [{
    pointer: "/quote_id",
    code: "expired",
    message: "The quote has expired.",
    quoted_total: EXAMPLE_ORDER.total_price,
    new_total: EXAMPLE_ORDER.total_price + 200,
    currency: EXAMPLE_ORDER.currency,
  }],
});

const ELSEWHERE = invalidRequest([{
  pointer: "/ship_to/country",
  code: "not_quoted",
  message: "must be DE, where the quote is for",
  quoted: "DE",
}]);

export const checkoutRoutes = router();

checkoutRoutes.openapi(
  endpoint({
    policy: "user",
    idempotent: true,
    errors: ["not_found", "quote_not_open", "payment_refused"],
    examples: [EXPIRED, ELSEWHERE],
  }, {
    method: "post",
    path: "/v1/carts/{id}/checkout",
    operationId: "checkOut",
    tags: ["Checkout"],
    summary: "Order a cart as it was quoted",
    description:
      "Never for another price than the quote's: one that has expired, or whose cart has changed, answers 409 with what " +
      "it would cost now. Another note or other metadata of the cart are no such change.\n\nThe order is stored before the " +
      "payment provider is called; a declined card leaves it PENDING, to be paid by POST /v1/orders/{id}/payments until it " +
      "expires.",
    request: {
      params: IdParam,
      body: json(CheckoutBody, "Which quote, where to, and how it is paid.", {
        quote_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
        ship_to: {
          name: "Ada Lovelace",
          lines: ["1 High St"],
          city: "Leeds",
          postal_code: "LS1 1UR",
          country: "GB",
        },
        payment: { provider: "sandbox", payment_method: "tok_success" },
      }),
    },
    responses: {
      201: json(CheckoutSchema, "The order, and its payment as it stands.", {
        order: EXAMPLE_ORDER,
        payment: EXAMPLE_PAYMENT,
      }),
    },
  }),
  async (c) => {
    const input = { cartId: c.req.valid("param").id, checkout: c.req.valid("json") };
    const { order, payment } = markReplay(c, await checkOut(c.get("ctx"), input, c.get("idempotency")));
    c.header("Location", `/v1/orders/${order.id}`);
    return c.json({ order: orderView(order), payment: payment && paymentView(payment) }, 201);
  },
);
