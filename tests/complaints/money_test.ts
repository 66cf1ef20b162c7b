/** Complaints 8, 9, 11 and 13: amounts, refunds, and what an order says of them. */
import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { loadExampleTrade } from "../../tools/demo_trade.ts";
import { received, refund, startShop } from "../http/returns/support.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { ADA_IN_LEEDS, addExport, askQuote, fillCart, tryCheckOut } from "../support/checkout.ts";
import { assertBooksBalance, eventsOf, patch, read, startAnother, tally } from "../support/orders.ts";
import {
  assertBankAgrees,
  MINUTE_MS,
  readPayment,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import { addPromotion } from "../support/promotions.ts";

const CLOCK = { clock: { now: () => new Date("2026-11-20T12:00:00Z") } };

interface Goods {
  sku: string;
  price: number;
  quantity: number;
  hs_code: string;
  weight_grams: number;
}

/** A quote of so many units of made-up goods of China, by the law of tools/example_trade. */
async function quoteGoods(
  app: TestApp,
  user: TestUser,
  goods: Goods[],
  { destination, currency, shipping_option }: {
    destination: string;
    currency: string;
    shipping_option: string;
  },
) {
  for (const { sku, price, hs_code, weight_grams } of goods) {
    const { id } = await addExport(app, { sku, prices: { [currency]: price } });
    await app.deps.sql`update products set ${
      app.deps.sql({ hs_code, weight_grams, country_of_origin: "CN" })
    } where id = ${id}`;
  }
  const quantities = Object.fromEntries(goods.map(({ sku, quantity }) => [sku, quantity]));
  const cart = await fillCart(app, user, quantities, { destination, currency });
  const { status, body } = await askQuote(app, user, cart.id, { shipping_option });
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

Deno.test("Complaint 8 (medusa #14818, #12789, #13971): an order that is refunded unit by unit ends at exactly nothing, in every currency", async () => {
  await using app = await startTestApp({}, CLOCK);
  await loadExampleTrade(systemCtx(app.deps, "test"));
  const [user, staff] = [await app.user(), await app.user("staff")];
  const places = [["GB", "GBP", 2111], ["JP", "JPY", 1001], ["KW", "KWD", 1237]] as const;
  for (const [country, currency, price] of places) {
    const goods = { sku: `BOWL-${country}`, price, quantity: 7, hs_code: "691110", weight_grams: 90 };
    const quote = await quoteGoods(app, user, [goods], {
      destination: country,
      currency,
      shipping_option: "parcel-world",
    });
    const payment = { provider: "sandbox", payment_method: "tok_success" };
    const ship_to = { ...ADA_IN_LEEDS, country };
    const { body: { order } } = await tryCheckOut(app, user, quote, { ship_to, payment });
    assertEquals([order.status, order.amount_paid], ["PAID", quote.total_price]);
    const parts = [order.shipping_total, order.duty_total, order.tax_total];
    assert(parts.some((part) => part % 7 !== 0), "a seventh of it is no whole amount");

    const given: number[] = [];
    for (let unit = 0; unit < 7; unit++) {
      const items = [{ line: 1, quantity: 1 }];
      const { status, body } = await tryToRefund(app, staff, order.id, { items, include_shipping: true });
      assertEquals([status, body.status], [201, "succeeded"], JSON.stringify(body));
      given.push(body.amount);
    }
    assertEquals(given.reduce((sum, amount) => sum + amount, 0), order.total_price);
    const { body: after } = await read(app, user, order.id);
    assertEquals([after.payment_status, after.amount_refunded, after.amount_due], [
      "REFUNDED",
      order.total_price,
      0,
    ]);
    const { body: ledger } = await app.request("GET", `/v1/orders/${order.id}/ledger`, { token: user.token });
    const left = Object.fromEntries(
      ledger.balances.map(({ account, balance }: { account: string; balance: number }) => [account, balance]),
    );
    assertEquals(left.revenue + left.refunds, 0);
    for (const account of ["receivable", "cash_at_provider", "shipping", "duty", "tax"]) {
      assertEquals(left[account] ?? 0, 0, `${currency}: ${account}`);
    }
  }
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

interface Entry {
  line: number;
  kind: string;
  amount: number;
  collected: boolean;
  rate: string | null;
  basis: number | null;
  rounding: string;
}

/** `basis × rate` to the nearest unit, from the middle to the even one: worked out anew, with whole numbers. */
function charged({ basis, rate }: Entry): number {
  const [whole, fraction = ""] = rate!.split(".");
  const scale = 10n ** BigInt(fraction.length);
  const exact = BigInt(basis!) * BigInt(whole! + fraction);
  const [floor, twice] = [exact / scale, 2n * (exact % scale)];
  const up = twice > scale || (twice === scale && floor % 2n === 1n);
  return Number(floor) + (up ? 1 : 0);
}

Deno.test("Complaint 9 (vendure #2662, #3003): VAT is rounded once per line, shipping is split without losing a cent, and the working can be checked by hand", async () => {
  await using app = await startTestApp({ SHIP_FROM_COUNTRY: "NL" }, CLOCK);
  await loadExampleTrade(systemCtx(app.deps, "test"));
  const user = await app.user();
  const toGermany = { destination: "DE", currency: "EUR", shipping_option: "parcel-eu" };
  const book = (sku: string, price: number, quantity: number) => (
    { sku, price, quantity, hs_code: "490110", weight_grams: 10 }
  );
  const ask = (goods: Goods[]) => quoteGoods(app, user, goods, toGermany);
  // deno-lint-ignore no-explicit-any
  const linesOf = (quote: any) =>
    quote.lines.map((line: { shipping_amount: number; tax_amount: number }) => [
      line.shipping_amount,
      line.tax_amount,
    ]);

  // VAT of 7 %: of 10.50 it is 0.735, of 11.50 it is 0.805. Both are ties: 0.74 and 0.80 are even.
  const up = await ask([book("PAGE", 50, 1)]);
  assertEquals([linesOf(up), up.total_price], [[[1000, 74]], 1124]);
  const down = await ask([book("PAGES", 50, 3)]);
  assertEquals([linesOf(down), down.total_price], [[[1000, 80]], 1230]);
  // 10.00 by 1 : 2 : 4 = 1.42857, 2.85714, 5.71428: two cents go to the largest remainders.
  // VAT: of 11.43 0.8001, of 22.86 1.6002, of 45.71 3.1997.
  const split = await ask([book("ONE", 1000, 1), book("TWO", 1000, 2), book("FOUR", 1000, 4)]);
  assertEquals([linesOf(split), split.total_price], [[[143, 80], [286, 160], [571, 320]], 8560]);

  for (const quote of [up, down, split]) {
    const entries: Entry[] = quote.explanation;
    const taxes = entries.filter(({ kind }) => kind === "tax");
    assertEquals(taxes.map(({ amount }) => amount), taxes.map(charged));
    const collected = entries.filter((entry) => entry.collected);
    assertEquals(collected.reduce((sum, { amount }) => sum + amount, 0), quote.total_price);
    assertEquals(
      [...new Set(taxes.map(({ rounding }) => rounding))],
      ["half_even"],
      "what rounds, and how, is said",
    );
    const shares = entries.filter(({ kind }) => kind === "shipping");
    assertEquals(shares.reduce((sum, { amount }) => sum + amount, 0), quote.shipping_total);
  }
});

Deno.test("Complaint 9, with a coupon of a third: the discount is rounded once per line before the VAT on it, its parts sum up, and the working says so", async () => {
  await using app = await startTestApp({ SHIP_FROM_COUNTRY: "NL" }, CLOCK);
  await loadExampleTrade(systemCtx(app.deps, "test"));
  const user = await app.user();
  const books = [{ sku: "ONE", price: 1000 }, { sku: "TWO", price: 995 }, { sku: "THREE", price: 50 }];
  for (const { sku, price } of books) {
    const { id } = await addExport(app, { sku, prices: { EUR: price } });
    await app.deps.sql`update products set hs_code = '490110', weight_grams = 10 where id = ${id}`;
  }
  await addPromotion(app, { code: "A-THIRD", percent_off: "33.33" });
  await addPromotion(app, { code: "TEN-EUROS", amount_off: [{ currency: "EUR", amount: 1000 }] });
  await addPromotion(app, { code: "HALF-OF-ONE", percent_off: "50", skus: ["ONE"] });
  const quoteWith = async (coupon_code: string) => {
    const more = { destination: "DE", coupon_code };
    const cart = await fillCart(app, user, { ONE: 1, TWO: 2, THREE: 3 }, more);
    const { status, body: quote } = await askQuote(app, user, cart.id, { shipping_option: "parcel-eu" });
    assertEquals(status, 201, JSON.stringify(quote));
    return quote;
  };
  type Line = Record<"discount_amount" | "line_total" | "shipping_amount" | "tax_amount", number>;
  const amountsOf = ({ lines }: { lines: Line[] }) =>
    lines.map((line) => [line.discount_amount, line.line_total, line.shipping_amount, line.tax_amount]);

  const third = await quoteWith("A-THIRD");
  // 33.33 % of 10.00, 19.90 and 1.50 is 3.333, 6.63267 and 0.49995. Shipping of 10.00 goes by what is paid for the goods,
  // 6.67 : 13.27 : 1.00. VAT of 7 % is on both: of 9.85 0.6895, of 19.61 1.3727, of 1.48 0.1036.
  assertEquals(amountsOf(third), [[333, 667, 318, 69], [663, 1327, 634, 137], [50, 100, 48, 10]]);
  const tenEuros = await quoteWith("TEN-EUROS");
  // 10.00 by 10.00 : 19.90 : 1.50 is 3.18471, 6.33758, 0.47771: the cents that are left go to the largest remainders.
  assertEquals(amountsOf(tenEuros).map(([discount]) => discount), [318, 634, 48]);
  const halfOfOne = await quoteWith("HALF-OF-ONE");
  // Shipping goes by 5.00 : 19.90 : 1.50, which is 1.89394, 7.53788, 0.56818.
  assertEquals(halfOfOne.lines.map((line: Line) => [line.discount_amount, line.shipping_amount]), [
    [500, 189],
    [0, 754],
    [0, 57],
  ]);

  for (const quote of [third, tenEuros]) {
    const entries: Entry[] = quote.explanation;
    const ofKind = (kind: string) => entries.filter((entry) => entry.kind === kind);
    const sumOf = (some: Entry[]) => some.reduce((sum, { amount }) => sum + amount, 0);
    assertEquals(sumOf(entries.filter(({ collected }) => collected)), quote.total_price);
    assertEquals(sumOf(ofKind("discount")), -quote.discount_total);
    assertEquals(sumOf(ofKind("goods")) + sumOf(ofKind("discount")), quote.subtotal);
    for (const [index, line] of (quote.lines as Line[]).entries()) {
      const of = (kind: string) => ofKind(kind).find((entry) => entry.line === index + 1)!;
      assertEquals(of("goods").amount + of("discount").amount, line.line_total);
      assertEquals([of("tax").basis, of("tax").amount], [
        line.line_total + line.shipping_amount,
        line.tax_amount,
      ]);
      assertEquals(of("tax").amount, charged(of("tax")));
    }
  }
  const [first] = third.explanation.filter(({ kind }: Entry) => kind === "discount");
  assertEquals(
    [first.rule, first.rate, first.basis, first.amount, first.rounding],
    ["Coupon A-THIRD: 33.33 % off", "0.3333", 1000, -333, "half_even"],
  );
  for (const entry of third.explanation.filter(({ kind }: Entry) => kind === "discount")) {
    assertEquals(-entry.amount, charged(entry));
  }
  const ship_to = { ...ADA_IN_LEEDS, country: "DE" };
  const { body: { order } } = await tryCheckOut(app, user, third, { ship_to });
  assertEquals([order.discount_total, order.total_price], [1046, third.total_price]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Complaint 11 (medusa #13882; saleor #14278, #17098): after each return and refund, and after one that the bank refused, the order says how it stands", async () => {
  const shop = await startShop();
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const standsAt = async (...expected: unknown[]) => {
    const { body } = await read(app, owner, order.id);
    const { status, payment_status, fulfilment_status, amount_refunded, amount_due } = body;
    assertEquals([status, payment_status, fulfilment_status, amount_refunded, amount_due], expected);
    const told = (await eventsOf(app, "order", order.id)).at(-1)!.data;
    assertEquals([told.status, told.payment_status, told.fulfilment_status], expected.slice(0, 3));
    await assertBooksBalance(app.deps.sql);
  };
  const withShipping = { include_shipping: true };

  await standsAt("DELIVERED", "PAID", "DELIVERED", 0, 0);
  const one = await received(shop, [1, 0]);
  await standsAt("DELIVERED", "PAID", "PARTIALLY_RETURNED", 0, 0);
  // Of 14.99 goods, 5.00 shipping, 5.00 duty and 10.99 tax a third: 14.99 + 1.67 + 1.67 + 3.33 + 0.33.
  assertEquals((await refund(app, staff, one.id, withShipping)).body.refund.amount, 2199);
  await standsAt("DELIVERED", "PARTIALLY_REFUNDED", "PARTIALLY_RETURNED", 2199, 0);
  const rest = await received(shop, [0, 2]);
  await standsAt("DELIVERED", "PARTIALLY_REFUNDED", "RETURNED", 2199, 0);
  assertEquals((await refund(app, staff, rest.id, withShipping)).body.refund.amount, TOTAL - 2199);
  await standsAt("REFUNDED", "REFUNDED", "RETURNED", TOTAL, 0);

  await using paid = await startPaidShop();
  const { order: kept } = await paid.checkOut("tok_refund_refused");
  const refused = await tryToRefund(paid.app, paid.staff, kept.id);
  assertEquals([refused.status, refused.body.status], [201, "failed"]);
  const { body: after } = await read(paid.app, paid.user, kept.id);
  assertEquals([after.status, after.payment_status, after.amount_refunded], ["PAID", "PAID", 0]);
  assertEquals((await patch(paid.app, paid.staff, kept.id, { status: "PROCESSING" })).status, 200);
  await assertBooksBalance(paid.app.deps.sql);
});

Deno.test("Complaint 13 (saleor #19811, #14358): a refund that is asked for twice, at once or again, gives the money back once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  await using other = await startAnother(app);
  const operations = async (paymentId: string) =>
    (await app.deps
      .sql`select id, amount from sandbox_operations where charge_id = ${paymentId} and amount > 0`)
      .map(({ id, amount }) => ({ id, amount }));
  const at = (i: number) => i % 2 ? app : other;
  const tenTimes = (keyOf: (i: number) => string, orderId: string) =>
    Promise.all(Array.from({ length: 10 }, (_, i) => tryToRefund(at(i), staff, orderId, {}, keyOf(i))));

  const first = await checkOut("tok_success");
  const without = await app.request("POST", `/v1/orders/${first.order.id}/refunds`, {
    token: staff.token,
    body: { reason: "Arrived broken" },
  });
  assertEquals([without.status, without.body.errors[0].pointer], [422, "header/idempotency-key"]);

  const same = await tenTimes(() => "once", first.order.id);
  assertEquals(tally(same), { 201: 10 });
  const [id, ...others] = new Set(same.map(({ body }) => body.id));
  assertEquals(others, []);
  assertEquals(
    await operations(first.payment.id),
    [{ id, amount: TOTAL }],
    "the bank got the refund's own id as key",
  );

  const second = await checkOut("tok_success");
  const different = await tenTimes((i) => `device-${i}`, second.order.id);
  assertEquals(tally(different), { 201: 1, "422 refund_refused": 9 });
  assertEquals((await operations(second.payment.id)).map(({ amount }) => amount), [TOTAL]);

  // The bank does not answer twice; the sweeper asks again, by the same key.
  const third = await checkOut("tok_refund_fails");
  const silent = await tryToRefund(app, staff, third.order.id);
  assertEquals(silent.body.status, "pending");
  for (let i = 0; i < 3; i++) {
    await pass(10 * MINUTE_MS);
    await sweep(app);
  }
  assertEquals(await operations(third.payment.id), [{ id: silent.body.id, amount: TOTAL }]);
  assertEquals((await readPayment(app, user, third.payment.id)).amount_refunded, TOTAL);
  assertEquals((await tryToPay(app, user, third.order.id)).status, 422);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});
