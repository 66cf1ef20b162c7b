/** Complaints 1 to 7: stock that is sold twice, carts that are stuck, money without an order. */
import { assertEquals, assertRejects } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { Shopper, unitsOf } from "../http/carts/shopper.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, quoted, tryCheckOut } from "../support/checkout.ts";
import { countDeadlocks } from "../support/lock_waits.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  levelOf,
  orderBody,
  patch,
  place,
  read,
  startAnother,
  tally,
  tryToPlace,
} from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  letWorkerCatchUp,
  MINUTE_MS,
  payThrough,
  postWebhook,
  readPayment,
  sandboxOf,
  startPaidShop,
  sweep,
  TOTAL,
} from "../support/payments.ts";
import { addPromotion, redeemedOf } from "../support/promotions.ts";

const PAID_AT_ONCE = { payment: { provider: "sandbox", payment_method: "tok_success" } };

const times = <T>(count: number, make: (i: number) => T | Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)));

async function startShop(): Promise<TestApp> {
  const app = await startTestApp();
  await openBorders(app);
  return app;
}

async function countOf({ deps: { sql } }: TestApp, table: string): Promise<number> {
  const [row] = await sql`select count(*)::int as n from ${sql(table)}`;
  return row!.n;
}

Deno.test("Complaint 1 (vendure #1738, #3508): no unit is promised twice between the offer and the payment", async () => {
  await using app = await startShop();
  await using other = await startAnother(app);
  const { sku } = await addExport(app, { stock: 5 });
  const users = await times(20, () => app.user());
  const carts = await Promise.all(users.map((user) => fillCart(app, user, { [sku]: 1 })));

  const offers = await times(20, (i) => askQuote(i % 2 ? app : other, users[i]!, carts[i]!.id));
  assertEquals(tally(offers), { 201: 5, "409 insufficient_stock": 15 });
  const { on_hand, reserved, available } = await levelOf(app, sku);
  assertEquals([on_hand, reserved, available], [5, 5, 0]);
  assertEquals(
    tally([await tryToPlace(app, users[0]!, { [sku]: 1 }, { more: { shipping_option: "standard" } })]),
    { "409 insufficient_stock": 1 },
  );

  const paid = await Promise.all(
    offers.flatMap(({ status, body }, i) =>
      status === 201 ? [tryCheckOut(i % 2 ? other : app, users[i]!, body, PAID_AT_ONCE)] : []
    ),
  );
  assertEquals(tally(paid), { 201: 5 });
  assertEquals(paid.map(({ body }) => body.order.status), Array(5).fill("PAID"));
  assertEquals((await levelOf(app, sku)).available, 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Complaint 2 (medusa #16502, #16569): units are counted over all lines, and the database itself refuses to oversell", async () => {
  await using app = await startShop();
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 5 });
  const twoLines = [{ sku, quantity: 3 }, { sku, quantity: 3 }];

  const order = await app.request("POST", "/v1/orders", {
    token: user.token,
    body: { ...orderBody({}, { shipping_option: "standard" }), items: twoLines },
  });
  assertEquals([order.status, order.body.code, order.body.errors[0].available], [
    409,
    "insufficient_stock",
    5,
  ]);
  const cart = await fillCart(app, user, {}, { items: twoLines });
  assertEquals(unitsOf(cart), [[sku, 6]]);
  assertEquals(tally([await askQuote(app, user, cart.id)]), { "409 insufficient_stock": 1 });

  // There is no lock of the application that could be skipped: whoever writes past Waybill is refused as well.
  await withConnection(app.deps.config.databaseUrl, async (stranger) => {
    const oversell = () => stranger`update stock_levels set reserved = reserved + 6 where sku = ${sku}`;
    await assertRejects(oversell, Error, "stock_levels_available_check");
  });
  assertEquals((await levelOf(app, sku)).reserved, 0);
});

Deno.test("Complaint 3 (medusa #12790, #13301; vendure #3065): whatever is charged has its order, also when nobody hears the bank's answer", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { databaseUrl } = app.deps.config;
  const sandbox = sandboxOf(app);
  const known: unknown[] = [];
  const watched: typeof sandbox = {
    ...sandbox,
    async charge(request, signal) {
      known.push(
        ...await withConnection(databaseUrl, (stranger) =>
          stranger`
          select o.id, o.status, p.status as payment from payments p join orders o on o.id = p.order_id
          where p.id = ${request.id}`),
      );
      return await sandbox.charge(request, signal);
    },
  };
  payThrough(app, watched);

  const { order, payment } = await checkOut("tok_timeout_after_charge");
  assertEquals(known.map((row) => ({ ...row as object })), [
    { id: order.id, status: "PENDING", payment: "created" },
  ], "the order is there for all to see before the bank is called");
  assertEquals([order.status, payment.status], ["PENDING", "created"]);
  assertEquals(await countOf(app, "sandbox_charges"), 1, "the bank has charged, but its answer was lost");

  await pass(MINUTE_MS);
  await sweep(app);
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.amount_paid, body.amount_due], ["PAID", TOTAL, 0]);
  // Webhook and return page come to the same verb, too late to do anything.
  await postWebhook(
    app,
    bankMessage(app, (await readPayment(app, user, payment.id)).provider_reference),
  );
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals((await read(app, user, order.id)).body.version, body.version);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Complaint 4 (spree #9265; medusa #4798): webhook, return page and a repeated checkout race, and one payment comes of it", async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  const { quote } = await quoted(app, user, { [sku]: 3 });
  const card = { payment: { provider: "sandbox", payment_method: "tok_3ds" } };
  const { body: { order, payment } } = await tryCheckOut(app, user, quote, card, "pay");
  await sandboxOf(app).confirmAction(payment.provider_reference, "success");
  const message = bankMessage(app, payment.provider_reference, "evt_1");

  const refresh = () => app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  const answers = await Promise.all([
    postWebhook(app, message).then((answer) => letWorkerCatchUp(app).then(() => answer)),
    refresh(),
    tryCheckOut(app, user, quote, card, "pay"),
    postWebhook(app, message),
    refresh(),
  ]);
  assertEquals(answers.map(({ status }) => status), [200, 200, 201, 200, 200]);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const late = await tryCheckOut(app, user, quote, card, "pay");
  assertEquals([late.status, late.body.order.id, late.body.order.status], [201, order.id, "PAID"]);

  assertEquals([await countOf(app, "payments"), await countOf(app, "sandbox_charges")], [1, 1]);
  const captures = await app.deps.sql`select order_id from ledger where kind = 'capture'`;
  assertEquals(captures.length, 1);
  assertEquals((await eventsOf(app, "payment", payment.id)).map(({ type }) => type), [
    "payment.created",
    "payment.updated",
    "payment.captured",
  ]);
  // The database takes no second payment of the bank's charge.
  const again = app.deps.sql`
    insert into payments (id, order_id, provider, currency, amount, payment_method, provider_reference, actor, created_at, updated_at)
    select gen_random_uuid(), order_id, provider, currency, amount, payment_method, provider_reference, actor, created_at, updated_at
    from payments`;
  await assertRejects(() => again, Error, "payments_reference_key");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Complaint 5 (medusa #14758): a cart is never stuck in completion, whatever a checkout of it ran into", async () => {
  await using app = await startShop();
  const user = await app.user();
  const { sku } = await addExport(app);
  const { quote } = await quoted(app, user, { [sku]: 1 });

  // One that is refused leaves nothing behind.
  const elsewhere = { ship_to: { name: "Ada", lines: ["1"], city: "Paris", country: "FR" } };
  assertEquals(tally([await tryCheckOut(app, user, quote, elsewhere)]), { "422 invalid_request": 1 });

  // One that finds the cart held gives up after a while, says when to come again, and leaves nothing behind either.
  const waiting = await withConnection(app.deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await tx`select from carts where id = ${quote.cart_id} for update`;
      return await tryCheckOut(app, user, quote, PAID_AT_ONCE, "mine");
    }));
  assertEquals(
    [waiting.status, waiting.body.code, waiting.headers.get("Retry-After")],
    [503, "unavailable", "1"],
  );
  const cart = await app.request("GET", `/v1/carts/${quote.cart_id}`, { token: user.token });
  assertEquals(cart.body.status, "open");

  // Of two at once one becomes the order, and the other is told which.
  const both = await Promise.all([
    tryCheckOut(app, user, quote, PAID_AT_ONCE, "mine"),
    tryCheckOut(app, user, quote, PAID_AT_ONCE, "of-another-tab"),
  ]);
  assertEquals(tally(both), { 201: 1, "409 quote_not_open": 1 });
  const [placed, told] = both.toSorted((a, b) => a.status - b.status);
  assertEquals([told!.body.errors[0].code, told!.body.errors[0].order_id], ["used", placed!.body.order.id]);
  assertEquals([await countOf(app, "orders"), await countOf(app, "sandbox_charges")], [1, 1]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Complaint 6 (vendure #3398, #4152, #2187, #4481): of changes at the same time none is lost, and a stale one is told", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const user = await app.user();
  const [a, b] = [await addProduct(app), await addProduct(app)];

  const shoppers = [new Shopper(app, user), new Shopper(other, user)];
  const { id } = await shoppers[0]!.create();
  const adds = await times(20, (i) => shoppers[i % 2]!.add(id, [a, b][i % 2]!.sku, 1));
  assertEquals(tally(adds), { 200: 20 });
  const { body: cart } = await shoppers[0]!.read(id);
  assertEquals(unitsOf(cart).toSorted(), [[a.sku, 10], [b.sku, 10]].toSorted());

  const order = await place(app, user, { [a.sku]: 1 });
  const keys = await times(
    20,
    (i) => patch(i % 2 ? app : other, user, order.id, { metadata: { [`k${i}`]: "x" } }),
  );
  assertEquals(tally(keys), { 200: 20 });
  const { body: after } = await read(app, user, order.id);
  assertEquals([Object.keys(after.metadata).length, after.version], [20, 21]);

  const seen = { "If-Match": '"21"' };
  const notes = await times(10, (i) => patch(i % 2 ? app : other, user, order.id, { note: `${i}` }, seen));
  assertEquals(tally(notes), { 200: 1, "412 version_mismatch": 9 });
  const winner = notes.find(({ status }) => status === 200)!;
  assertEquals((await read(app, user, order.id)).body.note, winner.body.note);
  await assertBooksBalance(app.deps.sql);
});

/** How many answers there were of each kind: their status, or why they were refused. */
function outcomesOf(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const kind = status < 400 ? String(status) : `${status} ${body.errors?.[0]?.code ?? body.code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

Deno.test("Complaint 7 (vendure #4660; saleor #15855; medusa #13760): of however many who use a coupon at once, as quotes or as orders, so many get it as may, and the others are told", async () => {
  await using app = await startShop();
  await using other = await startAnother(app);
  const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 10_000 });
  const users = await times(250, () => app.user());
  const at = (i: number) => i % 2 ? app : other;
  const cartsWith = (code: string, owners: TestUser[]) =>
    Promise.all(owners.map((user, i) => fillCart(at(i), user, { [sku]: 3 }, { coupon_code: code })));
  const quoteAll = (carts: { id: string }[], owners: TestUser[]) =>
    carts.map(({ id }, i) => askQuote(at(i), owners[i]!, id));
  const orderAll = (code: string, owners: TestUser[]) =>
    owners.map((user, i) => {
      const more = { shipping_option: "standard", coupon_code: code };
      return tryToPlace(at(i), user, { [sku]: 1 }, { more });
    });
  const endsWith = async (
    answers: Promise<Answer>[],
    outcomes: Record<string, number>,
    promotion: { id: string },
  ) => {
    const answered = await Promise.all(answers);
    assertEquals(outcomesOf(answered), outcomes);
    assertEquals(await redeemedOf(app, promotion), outcomes["201"]);
    await assertBooksBalance(app.deps.sql);
    return answered;
  };

  const first200 = users.slice(0, 200);
  const one = await addPromotion(app, { code: "ONE-QUOTE", max_redemptions: 1 });
  const carts = await cartsWith("ONE-QUOTE", first200);
  const quotes = await endsWith(quoteAll(carts, first200), { 201: 1, "422 coupon_used_up": 199 }, one);

  const oneOrder = await addPromotion(app, { code: "ONE-ORDER", max_redemptions: 1 });
  await endsWith(orderAll("ONE-ORDER", first200), { 201: 1, "422 coupon_used_up": 199 }, oneOrder);

  const hundred = await addPromotion(app, { code: "HUNDRED", max_redemptions: 100, max_per_customer: 2 });
  const some = await cartsWith("HUNDRED", users);
  await endsWith(
    [...quoteAll(some, users), ...orderAll("HUNDRED", users)],
    { 201: 100, "422 coupon_used_up": 400 },
    hundred,
  );

  const customer = await app.user();
  const fifty = Array<TestUser>(50).fill(customer);
  const once = await addPromotion(app, { code: "ONCE-EACH", max_per_customer: 1 });
  await endsWith(
    quoteAll(await cartsWith("ONCE-EACH", fifty), fifty),
    { 201: 1, "422 coupon_used_before": 49 },
    once,
  );
  const again = await addPromotion(app, { code: "ONCE-MORE", max_per_customer: 1 });
  const mine = await cartsWith("ONCE-MORE", fifty);
  await endsWith(
    [...quoteAll(mine, fifty), ...orderAll("ONCE-MORE", fifty)],
    { 201: 1, "422 coupon_used_before": 99 },
    again,
  );

  // And what the coupon made cheaper is used once.
  const winner = quotes.findIndex(({ status }) => status === 201);
  const orders = await countOf(app, "orders");
  const checkedOut = await times(
    50,
    (i) => tryCheckOut(at(i), users[winner]!, quotes[winner]!.body, PAID_AT_ONCE, `tab-${i}`),
  );
  const kinds = tally(checkedOut);
  assertEquals(kinds["201"], 1);
  assertEquals((kinds["409 quote_not_open"] ?? 0) + (kinds["409 idempotency_in_progress"] ?? 0), 49);
  assertEquals([await countOf(app, "orders"), await countOf(app, "sandbox_charges")], [orders + 1, 1]);
  const { body: { order, payment } } = checkedOut.find(({ status }) => status === 201)!;
  // 3 × 14.99 less 4.50 is 40.47; shipping 5.00; duty 10 % of 45.47, VAT 20 % of 50.02.
  assertEquals([order.discount_total, order.total_price, payment.amount], [450, 6002, 6002]);
  assertEquals(await redeemedOf(app, one), 1);
  await assertBooksBalance(app.deps.sql);
  assertEquals(await countDeadlocks(app), 0);
});
