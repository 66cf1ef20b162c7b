import { assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { importSchedule, putShippingOption, ScheduleBody, ShippingOptionBody } from "../../src/trade/mod.ts";
import type { TestApp, TestUser } from "./app.ts";
import { addProduct, type TestProduct } from "./orders.ts";

/** A test's day, before any schedule of it could be outdated. */
const SINCE = "2026-01-01";

/** A made-up law of a destination, ready to be imported: 10 % duty on goods and shipping, 20 % VAT on all of it. */
export function lawOf(destination: string, known: object = {}) {
  return ScheduleBody.parse({
    destination,
    effective_from: SINCE,
    source: `Law of ${destination}`,
    currency: "EUR",
    customs_territory: destination,
    duty: { valuation: "cif", de_minimis: null },
    tax: {
      name: "VAT",
      rates: [{ rate: "0.2" }],
      base: ["goods", "shipping", "duty"],
      de_minimis: null,
      collected_by_seller_up_to: null,
      scheme: null,
    },
    restrictions: [{ hs_prefix: "9303", verdict: "forbidden", reason: "No firearms" }],
    consignee_id: null,
    duty_rates: [{ hs_prefix: "", ad_valorem: "0.1" }],
    ...known,
  });
}

/**
 * Writes down the law of two made-up days: GB takes 10 % duty on goods and shipping and 20 % VAT on all of it, in GBP;
 * DE, where goods are sent from, 19 % VAT. `standard` delivers up to 20 kg for 5.00 EUR.
 */
export async function openBorders(app: TestApp): Promise<void> {
  const ctx = systemCtx(app.deps, "test");
  await importSchedule(ctx, lawOf("GB"));
  await importSchedule(ctx, lawOf("DE", { customs_territory: "EU" }));
  await importSchedule(ctx, lawOf("KR", { consignee_id: { required: true, name: "PCCC" } }));
  const { code, ...option } = {
    code: "standard",
    name: "Standard",
    carrier: "Post",
    countries: ["GB", "DE", "KR"],
    currency: "EUR",
    bands: [{ up_to_grams: 20_000, price: 500 }],
  };
  await putShippingOption(ctx, { option: { code, ...ShippingOptionBody.parse(option) } });
}

/** A product that may cross borders: 350 g of stoneware from Portugal. */
export async function addExport(
  app: TestApp,
  options: Parameters<typeof addProduct>[1] = {},
): Promise<TestProduct> {
  const product = await addProduct(app, options);
  await app.deps.sql`
    update products set hs_code = '691200', country_of_origin = 'PT', weight_grams = 350 where id = ${product.id}`;
  return product;
}

export const ADA_IN_LEEDS = {
  name: "Ada Lovelace",
  lines: ["1 High St"],
  city: "Leeds",
  postal_code: "LS1 1UR",
  country: "GB",
};

/** A user's cart with so many units by SKU. */
export async function fillCart(
  app: TestApp,
  user: TestUser,
  quantities: Record<string, number>,
  more: Record<string, unknown> = {},
) {
  const items = Object.entries(quantities).map(([sku, quantity]) => ({ sku, quantity }));
  const answer = await app.request("POST", "/v1/carts", {
    token: user.token,
    body: { currency: "EUR", destination: "GB", items, ...more },
  });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

/** Asks for a quote of a cart, whatever comes of it. */
export function askQuote(app: TestApp, user: TestUser, cartId: string, more: Record<string, unknown> = {}) {
  return app.request("POST", `/v1/carts/${cartId}/quotes`, {
    token: user.token,
    body: { shipping_option: "standard", ...more },
  });
}

/** A cart and its quote. */
export async function quoted(
  app: TestApp,
  user: TestUser,
  quantities: Record<string, number>,
  more: Record<string, unknown> = {},
) {
  const cart = await fillCart(app, user, quantities);
  const answer = await askQuote(app, user, cart.id, more);
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return { cart, quote: answer.body };
}

/** Checks a cart out, whatever comes of it. */
export function tryCheckOut(
  app: TestApp,
  user: TestUser,
  quote: { id: string; cart_id: string },
  more: Record<string, unknown> = {},
  key?: string,
) {
  return app.request("POST", `/v1/carts/${quote.cart_id}/checkout`, {
    token: user.token,
    body: { quote_id: quote.id, ship_to: ADA_IN_LEEDS, ...more },
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
}

/** A checkout that is paid by this token of the sandbox. */
export async function checkedOut(
  app: TestApp,
  user: TestUser,
  quantities: Record<string, number>,
  paymentMethod?: string,
  more: Record<string, unknown> = {},
) {
  const { quote } = await quoted(app, user, quantities);
  const payment = paymentMethod === undefined
    ? {}
    : { payment: { provider: "sandbox", payment_method: paymentMethod, ...more } };
  const answer = await tryCheckOut(app, user, quote, payment);
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}
