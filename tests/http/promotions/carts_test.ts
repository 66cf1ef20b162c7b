import { assertEquals } from "@std/assert";
import type { Promotion } from "../../../src/promotions/promotion.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance } from "../../support/orders.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";
import { Shopper } from "../carts/shopper.ts";
import { sendRates } from "../trade/support.ts";

const AT_NOON = { clock: { now: () => new Date("2026-11-20T12:00:00.000Z") } };

async function startShop(): Promise<TestApp> {
  const app = await startTestApp({}, AT_NOON);
  await openBorders(app);
  return app;
}

Deno.test("A guest's cart shows what the coupon takes off, holds no use of it, and takes the coupon along into the user's cart", async () => {
  await using app = await startShop();
  const user = await app.user();
  const { sku } = await addExport(app, { prices: { EUR: 1499 } });
  const promotion = await addPromotion(app, { code: "WELCOME", max_per_customer: 1 });
  await addPromotion(app, { code: "MINE", percent_off: "50" });
  const logIn = (guest: Shopper) => new Shopper(app, { token: user.token, cartToken: guest.cartToken });
  const shows = (cart: Record<string, unknown>) => [cart.coupon_code, cart.discount_total, cart.subtotal];

  const guest = new Shopper(app);
  const cart = await guest.create({ [sku]: 2 }, { coupon_code: "welcome", destination: "GB" });
  assertEquals([...shows(cart), cart.problems], ["welcome", 300, 2698, []]);
  assertEquals(shows((await guest.read(cart.id)).body), ["welcome", 300, 2698]);
  assertEquals(await redeemedOf(app, promotion), 0);
  // Of a user without a cart it becomes the cart.
  const { body: own } = await logIn(guest).merge(cart.id);
  assertEquals([own.id, ...shows(own)], [cart.id, "welcome", 300, 2698]);
  assertEquals((await askQuote(app, user, own.id)).body.discount_total, 300);
  assertEquals(await redeemedOf(app, promotion), 1);

  // The next guest's coupon is not taken where the user has one; what the user's quote holds stays with it.
  const second = new Shopper(app);
  const other = await second.create({ [sku]: 3 }, { coupon_code: "MINE" });
  const { body: merged } = await logIn(second).merge(other.id);
  assertEquals([merged.id, ...shows(merged)], [cart.id, "welcome", 450, 4047]);
  assertEquals(merged.problems, [], "its own quote's use is not counted against it");
  assertEquals((await second.read(other.id)).body.status, "merged");
  assertEquals(await redeemedOf(app, promotion), 1);
  const { body: quote } = await askQuote(app, user, cart.id);
  assertEquals(shows(quote), ["WELCOME", 450, 4047]);
  assertEquals(await redeemedOf(app, promotion), 1);

  // Where the user has none, it is the guest's.
  await new Shopper(app, user).patch(cart.id, { coupon_code: null });
  const third = new Shopper(app);
  const { id } = await third.create({ [sku]: 1 }, { coupon_code: "MINE" });
  assertEquals(shows((await logIn(third).merge(id)).body), ["MINE", 2248, 2249]);
  assertEquals((await askQuote(app, user, cart.id)).body.coupon_code, "MINE");
  assertEquals(await redeemedOf(app, promotion), 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Estimates with a coupon are what the quote will be, for a guest as well, and hold no use of it", async () => {
  await using app = await startShop();
  const user = await app.user();
  const mug = await addExport(app, { prices: { EUR: 1499 } });
  const pen = await addExport(app, { prices: { EUR: 333 } });
  const promotion = await addPromotion(app, { code: "LAST", percent_off: "33.33", max_redemptions: 1 });
  const guest = new Shopper(app);
  const items = { [mug.sku]: 2, [pen.sku]: 3 };
  const guests = await guest.create(items, { coupon_code: "LAST", destination: "GB" });
  const cart = await fillCart(app, user, items, { coupon_code: "LAST" });
  for (const incoterm of ["DDP", "DAP"]) {
    const { body: asGuest } = await guest.call("GET", `/${guests.id}/estimates?incoterm=${incoterm}`);
    const { body: quote } = await askQuote(app, user, cart.id, { incoterm });
    const { status, body } = await app.request("GET", `/v1/carts/${cart.id}/estimates?incoterm=${incoterm}`, {
      token: user.token,
    });
    assertEquals(status, 200, JSON.stringify(body));
    const [
      { shipping_option: _, shipping_name: __, min_days: ___, max_days: ____, weight_grams: _____, ...cost },
    ] = body.data;
    assertEquals(cost.discount_total, 1332);
    for (const [name, value] of Object.entries(cost)) assertEquals(value, quote[name], name);
    if (incoterm === "DDP") assertEquals(asGuest, body);
    else assertEquals(asGuest.errors[0].code, "coupon_used_up", "the user's quote has it");
    assertEquals(await redeemedOf(app, promotion), 1);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Why a coupon cannot be used is a problem of the cart, and refuses its quote and its estimates for the same reason", async () => {
  await using app = await startShop();
  const user = await app.user();
  const { sku } = await addExport(app, { prices: { EUR: 1499 } });
  await app.deps.sql`update products set category = 'Kitchen' where sku = ${sku}`;
  const EUR = (amount: number) => [{ currency: "EUR", amount }];
  const USD = [{ currency: "USD", amount: 1 }];
  const cases: [string | null, Partial<Promotion>, Record<string, unknown>?][] = [
    [null, {}],
    ["coupon_inactive", { active: false }],
    ["coupon_not_started", { starts_at: "2026-11-20T12:00:00.001Z" }, {
      starts_at: "2026-11-20T12:00:00.001Z",
    }],
    [null, { starts_at: "2026-11-20T12:00:00.000Z" }],
    ["coupon_expired", { ends_at: "2026-11-20T12:00:00.000Z" }, { ends_at: "2026-11-20T12:00:00.000Z" }],
    [null, { ends_at: "2026-11-20T12:00:00.001Z" }],
    ["coupon_not_in_currency", { amount_off: USD }, { currency: "EUR", currencies: ["USD"] }],
    ["coupon_not_in_currency", { minimum_subtotal: USD }, { currency: "EUR", currencies: ["USD"] }],
    ["coupon_minimum_not_met", { minimum_subtotal: EUR(2999) }, { minimum_subtotal: 2999, currency: "EUR" }],
    [null, { minimum_subtotal: EUR(2998) }],
    ["coupon_not_applicable", { skus: ["ANOTHER"] }],
    ["coupon_not_applicable", { categories: ["kitchen"] }],
    [null, { categories: ["Kitchen"] }],
    [null, { skus: [sku] }],
  ];
  const check = async (code: string, reason: string | null, facts: Record<string, unknown> = {}) => {
    const cart = await fillCart(app, user, { [sku]: 2 }, { coupon_code: code.toLowerCase() });
    const { body: estimates } = await app.request("GET", `/v1/carts/${cart.id}/estimates`, {
      token: user.token,
    });
    const { status, body: quote } = await askQuote(app, user, cart.id);
    if (reason === null) {
      assertEquals([cart.problems, cart.discount_total], [[], 300]);
      assertEquals([status, quote.discount_total, estimates.data[0].discount_total], [201, 300, 300]);
      return;
    }
    const [problem, ...others] = cart.problems;
    assertEquals(others, []);
    assertEquals(
      [problem.code, problem.reason, problem.sku, problem.pointer],
      ["coupon", reason, null, "/coupon_code"],
    );
    assertEquals([cart.discount_total, cart.subtotal, cart.items[0].discount_amount], [0, 2998, 0]);
    assertEquals([status, quote.code, quote.errors.length], [422, "quote_refused", 1]);
    assertEquals(estimates.errors, quote.errors);
    const { pointer, code: told, message, coupon_code, ...rest } = quote.errors[0];
    assertEquals([pointer, told, message], ["/coupon_code", reason, problem.message]);
    if (reason !== "coupon_unknown") assertEquals(coupon_code, code);
    assertEquals(rest, facts);
  };
  await check("NO-SUCH", "coupon_unknown");
  for (const [reason, known, facts] of cases) {
    const { code } = await addPromotion(app, known);
    await check(code, reason, facts);
  }
  const one = await addPromotion(app, { max_redemptions: 1 });
  const each = await addPromotion(app, { max_per_customer: 1 });
  for (const [{ code }, reason] of [[one, "coupon_used_up"], [each, "coupon_used_before"]] as const) {
    await check(code, null);
    await check(code, reason);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A cart holds no want of worth against its coupon while it has goods that only a quote has a price of", async () => {
  await using app = await startShop();
  const [user, staff] = [await app.user(), await app.user("staff")];
  await sendRates(app, staff.token, "Date,KWD,\n2026-01-02,0.5,\n");
  const mug = await addExport(app, { prices: { EUR: 1000, KWD: 5000 } });
  const bowl = await addExport(app, { prices: { EUR: 2000 } });
  await addPromotion(app, { code: "FROM-15", minimum_subtotal: [{ currency: "KWD", amount: 15_000 }] });
  await addPromotion(app, { code: "BOWLS", skus: [bowl.sku] });
  await addPromotion(app, { code: "OVER", active: false });
  await addPromotion(app, { code: "EUROS", amount_off: [{ currency: "EUR", amount: 500 }] });
  const reasons = async (quantities: Record<string, number>, coupon_code: string) => {
    const { id, problems } = await fillCart(app, user, quantities, { currency: "KWD", coupon_code });
    const { body } = await askQuote(app, user, id);
    return {
      cart: problems.map(({ code, reason }: { code: string; reason?: string }) => reason ?? code),
      quote: body.discount_total ?? body.errors.map(({ code }: { code: string }) => code),
    };
  };
  const both = { [mug.sku]: 1, [bowl.sku]: 1 };
  // A bowl is converted to 10.000: with a mug it is worth 15.000.
  assertEquals(await reasons(both, "FROM-15"), { cart: ["no_price"], quote: 1500 });
  assertEquals(await reasons({ [bowl.sku]: 1 }, "BOWLS"), { cart: ["no_price"], quote: 1000 });
  for (
    const [quantities, code, reason] of [
      [{ [mug.sku]: 1 }, "FROM-15", "coupon_minimum_not_met"],
      [{ [mug.sku]: 1 }, "BOWLS", "coupon_not_applicable"],
    ] as const
  ) assertEquals(await reasons(quantities, code), { cart: [reason], quote: [reason] });
  for (const [code, reason] of [["OVER", "coupon_inactive"], ["EUROS", "coupon_not_in_currency"]] as const) {
    assertEquals(await reasons(both, code), { cart: ["no_price", reason], quote: [reason] });
  }
});

Deno.test("A cart that has become an order has no problem with its coupon, which is the order's now", async () => {
  await using app = await startShop();
  const user = await app.user();
  const { sku } = await addExport(app);
  await addPromotion(app, { code: "LAST", max_redemptions: 1 });
  const cart = await fillCart(app, user, { [sku]: 1 }, { coupon_code: "LAST" });
  const { body: quote } = await askQuote(app, user, cart.id);
  assertEquals((await tryCheckOut(app, user, quote)).status, 201);
  const { body } = await new Shopper(app, user).read(cart.id);
  assertEquals([body.status, body.coupon_code, body.problems], ["checked_out", "LAST", []]);
});
