import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import {
  ADA_IN_LEEDS,
  addExport,
  askQuote,
  fillCart,
  openBorders,
  tryCheckOut,
} from "../../support/checkout.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  orderBody,
  read,
  tryToPlace,
} from "../../support/orders.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";

interface Entry {
  line: number;
  kind: string;
  amount: number;
  collected: boolean;
  rule: string;
  rate: string | null;
  basis: number | null;
  rounding: string;
}

/** How the order's total came to be; what is collected sums to it. */
async function explain(app: TestApp, { token }: TestUser, order: { id: string; total_price: number }) {
  const { status, body } = await app.request("GET", `/v1/orders/${order.id}/explanation`, { token });
  assertEquals(status, 200, JSON.stringify(body));
  const entries: Entry[] = body.explanation;
  const collected = entries.filter((entry) => entry.collected);
  assertEquals(collected.reduce((sum, { amount }) => sum + amount, 0), order.total_price);
  return entries;
}

const refusalsOf = ({ errors }: { errors: Record<string, unknown>[] }) =>
  errors.map(({ pointer, code }) => `${pointer} ${code}`);

Deno.test("An order at list prices is cheaper by its coupon, once for a key, and its explanation says by how much of what", async () => {
  await using app = await startTestApp();
  const [user, stranger] = [await app.user(), await app.user()];
  const mug = await addProduct(app, { prices: { EUR: 1499 } });
  const pen = await addProduct(app, { prices: { EUR: 333 } });
  const promotion = await addPromotion(app, { code: "MUGS", percent_off: "12.5", skus: [mug.sku] });
  const options = { more: { coupon_code: " mugs " }, key: "mine" };
  const first = await tryToPlace(app, user, { [mug.sku]: 3, [pen.sku]: 2 }, options);
  assertEquals(first.status, 201, JSON.stringify(first.body));
  const order = first.body;
  // 12.5 % of 44.97 is 5.62125.
  assertEquals(
    [order.coupon_code, order.discount_total, order.subtotal, order.total_price, order.amount_due],
    ["MUGS", 562, 4601, 4601, 4601],
  );
  assertEquals(
    order.items.map((
      item: Record<string, number>,
    ) => [item.unit_price, item.discount_amount, item.line_total]),
    [[1499, 562, 3935], [333, 0, 666]],
  );
  const entries = await explain(app, user, order);
  assertEquals(
    entries.map(({ line, kind, amount }) => [line, kind, amount]),
    [[1, "goods", 4497], [1, "discount", -562], [2, "goods", 666]],
  );
  const { rule, rate, basis, rounding } = entries[1]!;
  assertEquals([rule, rate, basis, rounding], ["Coupon MUGS: 12.5 % off", "0.125", 4497, "half_even"]);

  const again = await tryToPlace(app, user, { [mug.sku]: 3, [pen.sku]: 2 }, options);
  assertEquals([again.status, again.body], [201, order]);
  assertEquals(again.headers.get("Idempotency-Replayed"), "true");
  const atOnce = await Promise.all(
    Array.from(
      { length: 20 },
      () => tryToPlace(app, stranger, { [mug.sku]: 1 }, { more: { coupon_code: "MUGS" }, key: "at-once" }),
    ),
  );
  const ids = atOnce.filter(({ status }) => status === 201).map(({ body }) => body.id);
  assertEquals(new Set(ids).size, 1);
  assertEquals(await redeemedOf(app, promotion), 2);

  assertEquals((await read(app, user, order.id)).body, order);
  const [created] = await eventsOf(app, "order", order.id);
  assertEquals([created!.data.coupon_code, created!.data.discount_total], ["MUGS", 562]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order without a cart costs with a coupon what a quote with it says, and is explained as that", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const mug = await addExport(app, { prices: { EUR: 1499 } });
  const pen = await addExport(app, { prices: { EUR: 333 } });
  for (const known of [{ percent_off: "33.33" }, { amount_off: [{ currency: "EUR", amount: 1000 }] }]) {
    const { code } = await addPromotion(app, known);
    const quantities = { [mug.sku]: 2, [pen.sku]: 1 };
    const cart = await fillCart(app, user, quantities, { coupon_code: code });
    const { body: quote } = await askQuote(app, user, cart.id);
    const { status, body: order } = await tryToPlace(app, user, quantities, {
      more: { ship_to: ADA_IN_LEEDS, shipping_option: "standard", coupon_code: code },
    });
    assertEquals(status, 201, JSON.stringify(order));
    for (
      const field of ["coupon_code", "discount_total", "subtotal", "duty_total", "tax_total", "total_price"]
    ) {
      assertEquals(order[field], quote[field], field);
    }
    const entries = await explain(app, user, order);
    assertEquals(entries, quote.explanation);
    const discounts = entries.filter(({ kind }) => kind === "discount");
    assertEquals(discounts.map(({ line }) => line), [1, 2]);
    assertEquals(discounts.every(({ rule }) => rule.includes(code)), true);
    assertEquals(discounts.reduce((sum, { amount }) => sum - amount, 0), order.discount_total);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What staff order for a customer counts as that customer's use, at the time and the prices that staff say", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 1499 } });
  const past = await addPromotion(app, {
    code: "LAST-SPRING",
    starts_at: "2026-03-01T00:00:00.000Z",
    ends_at: "2026-04-01T00:00:00.000Z",
    max_per_customer: 1,
  });
  const order = (more: Record<string, unknown>) => {
    const body = {
      ...orderBody({}),
      items: [{ sku, quantity: 2, unit_price: 1001 }],
      coupon_code: "LAST-SPRING",
    };
    return app.request("POST", "/v1/orders", {
      token: staff.token,
      body: { ...body, user_id: user.id, ...more },
    });
  };
  const refused = async (more: Record<string, unknown>) => {
    const { status, body } = await order(more);
    assertEquals([status, body.code], [422, "order_refused"]);
    return refusalsOf(body);
  };
  assertEquals(await refused({}), ["/coupon_code coupon_expired"]);
  assertEquals(await refused({ placed_at: "2026-02-28T23:59:59.999Z" }), ["/coupon_code coupon_not_started"]);
  assertEquals(await refused({ placed_at: "2026-04-01T00:00:00Z" }), ["/coupon_code coupon_expired"]);
  const { status, body } = await order({ placed_at: "2026-03-01T00:00:00Z" });
  assertEquals(status, 201, JSON.stringify(body));
  // Ten per cent of 20.02 is 2.002.
  assertEquals([body.user_id, body.discount_total, body.total_price], [user.id, 200, 1802]);
  assertEquals((await explain(app, staff, body))[0]!.rule.includes("agreed instead of the list price"), true);
  assertEquals(await refused({ placed_at: "2026-03-02T00:00:00Z" }), ["/coupon_code coupon_used_before"]);
  assertEquals((await order({ placed_at: "2026-03-02T00:00:00Z", user_id: staff.id })).status, 201);
  assertEquals(await redeemedOf(app, past), 2);
  const [held] = await app.deps.sql`
    select redeemed from promotion_customers where promotion_id = ${past.id} and user_id = ${user.id}`;
  assertEquals(held!.redeemed, 1);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A coupon that cannot be used refuses the order together with all else that is wrong with it, and takes nothing", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addExport(app, { stock: 1 });
  const few = await addPromotion(app, {
    code: "BIG-ORDERS",
    minimum_subtotal: [{ currency: "EUR", amount: 10_000 }],
  });
  const unknown = { coupon_code: "no-such-code" };
  const byList = await tryToPlace(app, user, { [sku]: 2 }, { more: unknown });
  assertEquals(
    [byList.status, byList.body.code, refusalsOf(byList.body)],
    [422, "order_refused", ["/coupon_code coupon_unknown", "/items/0/quantity insufficient_stock"]],
  );
  assertEquals(byList.body.errors[0].coupon_code, "no-such-code");
  const unpriced = await tryToPlace(app, user, { [sku]: 1 }, { more: { ...unknown, currency: "USD" } });
  assertEquals(refusalsOf(unpriced.body), ["/items/0 no_price", "/coupon_code coupon_unknown"]);
  const goods = await tryToPlace(app, user, { "NO-SUCH": 1 }, { more: { coupon_code: few.code } });
  assertEquals(refusalsOf(goods.body), ["/items/0/sku unknown_product"], "of no goods nothing can be said");

  await openBorders(app);
  const gun = await addExport(app);
  await app.deps.sql`update products set hs_code = '930320' where id = ${gun.id}`;
  const more = { ...unknown, ship_to: ADA_IN_LEEDS, shipping_option: "balloon" };
  const landed = await tryToPlace(app, user, { [gun.sku]: 1, [sku]: 2 }, { more });
  assertEquals(landed.status, 422);
  assertEquals(refusalsOf(landed.body), [
    "/items/0 restricted",
    "/coupon_code coupon_unknown",
    "/shipping_option shipping_not_available",
    "/items/1/quantity insufficient_stock",
  ]);
  const noRate = await tryToPlace(app, user, { [sku]: 1 }, {
    more: { ...unknown, currency: "USD", ship_to: ADA_IN_LEEDS, shipping_option: "standard" },
  });
  assertEquals(noRate.body.errors.some(({ code }: { code: string }) => code === "coupon_unknown"), true);

  const small = await tryToPlace(app, staff, { [sku]: 1 }, { more: { coupon_code: "big-orders" } });
  const [refusal] = small.body.errors;
  assertEquals(
    [refusal.code, refusal.coupon_code, refusal.minimum_subtotal, refusal.currency],
    ["coupon_minimum_not_met", "BIG-ORDERS", 10_000, "EUR"],
  );
  assertEquals(await redeemedOf(app, few), 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order that its coupon makes free is paid as it is placed, and its coupon comes back if it is cancelled", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 1499 } });
  const free = [
    await addPromotion(app, { code: "GIFT", percent_off: "100" }),
    // More than the goods cost: no more than that.
    await addPromotion(app, { code: "VOUCHER", amount_off: [{ currency: "EUR", amount: 5000 }] }),
  ];
  for (const promotion of free) {
    const { status, body: order } = await tryToPlace(app, user, { [sku]: 2 }, {
      more: { coupon_code: promotion.code },
    });
    assertEquals(status, 201, JSON.stringify(order));
    assertEquals(
      [
        order.status,
        order.payment_status,
        order.total_price,
        order.discount_total,
        order.amount_due,
        order.expires_at,
      ],
      ["PAID", "PAID", 0, 2998, 0, null],
    );
    assertEquals((await explain(app, user, order)).map(({ amount }) => amount), [2998, -2998]);
    const { body: payments } = await app.request("GET", `/v1/orders/${order.id}/payments`, {
      token: user.token,
    });
    assertEquals(payments.data, []);
    assertEquals(await redeemedOf(app, promotion), 1);
    const gone = await app.request("POST", `/v1/orders/${order.id}/cancellation`, {
      token: staff.token,
      body: {},
    });
    assertEquals([gone.status, gone.body.status], [200, "CANCELLED"], JSON.stringify(gone.body));
    assertEquals(await redeemedOf(app, promotion), 0);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Goods that their coupon makes free still cost their shipping, with duty and tax on that", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const [mug, pen] = [
    await addExport(app, { prices: { EUR: 1499 } }),
    await addExport(app, { prices: { EUR: 333 } }),
  ];
  await addPromotion(app, { code: "GIFT", percent_off: "100" });
  const cart = await fillCart(app, user, { [mug.sku]: 2, [pen.sku]: 1 }, { coupon_code: "GIFT" });
  const { status, body: quote } = await askQuote(app, user, cart.id);
  assertEquals(status, 201, JSON.stringify(quote));
  // 10 % duty on shipping of 5.00, and 20 % VAT on both.
  assertEquals(
    [quote.discount_total, quote.subtotal, quote.shipping_total, quote.duty_total, quote.tax_total],
    [3331, 0, 500, 50, 110],
  );
  const answer = await tryCheckOut(app, user, quote, {
    payment: { provider: "sandbox", payment_method: "tok_success" },
  });
  assertEquals(
    [answer.body.order?.status, answer.body.payment?.amount],
    ["PAID", 660],
    JSON.stringify(answer.body),
  );
  await explain(app, user, answer.body.order);
  await assertBooksBalance(app.deps.sql);
});
