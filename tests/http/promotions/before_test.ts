import { assertEquals, assertRejects } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, quoted, tryCheckOut } from "../../support/checkout.ts";
import { assertEventsValid, rewriteLog } from "../../support/events.ts";
import { addProduct, assertBooksBalance, place, read } from "../../support/orders.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";

Deno.test("A quote from before there were coupons is read as one without, can be checked out or replaced, and lets go of none", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  await openBorders(app);
  const user = await app.user();
  const mug = await addExport(app);
  const [{ quote }, { quote: other }] = [
    await quoted(app, user, { [mug.sku]: 2 }),
    await quoted(app, user, { [mug.sku]: 1 }),
  ];
  await rewriteLog(sql, (tx) =>
    tx`
    update events set data = jsonb_set(data - '{coupon_code,discount_total}'::text[], '{lines}', (
      select jsonb_agg(line - 'discount_amount') from jsonb_array_elements(data->'lines') line))
    where type = 'quote.created'`);
  const found = await app.request("GET", `/v1/quotes/${quote.id}`, { token: user.token });
  assertEquals(found.body, quote);
  const { status, body: { order } } = await tryCheckOut(app, user, quote);
  assertEquals([status, order.coupon_code, order.discount_total, order.total_price], [
    201,
    null,
    0,
    quote.total_price,
  ]);
  assertEquals(order.items[0].discount_amount, 0);
  assertEquals((await askQuote(app, user, other.cart_id)).status, 201);
  const replaced = await app.request("GET", `/v1/quotes/${other.id}`, { token: user.token });
  assertEquals(replaced.body, { ...other, status: "superseded" });
  await assertBooksBalance(sql);
});

Deno.test("As of then an order from before there were coupons is what it is now: without one", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, user, { [sku]: 2 });
  await rewriteLog(app.deps.sql, (tx) =>
    tx`
    update events set data = jsonb_set(data - '{coupon_code,discount_total}'::text[], '{items}', (
      select jsonb_agg(item - 'discount_amount') from jsonb_array_elements(data->'items') item))
    where type = 'order.created'`);
  assertEquals((await read(app, user, `${order.id}?as_of=${order.updated_at}`)).body, order);
  await assertEventsValid(app.deps.sql);
});

Deno.test("A process of the release before can place an order without a coupon, and none of a quote that has one", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  await openBorders(app);
  const user = await app.user();
  const mug = await addExport(app, { prices: { EUR: 1000 } });
  const promotion = await addPromotion(app, { code: "TENOFF" });
  const cart = await fillCart(app, user, { [mug.sku]: 1 }, { coupon_code: "TENOFF" });
  const { body: quote } = await askQuote(app, user, cart.id);
  const { order } = (await tryCheckOut(app, user, quote)).body;
  assertEquals(order.items[0].line_total, 900);
  /** Its statement names no column that it does not know. */
  const insertAsBefore = (lineTotal: number) =>
    sql`
    insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, line_total, shipping_amount,
                             duty_amount, tax_amount)
    values (${order.id}, 2, ${mug.id}, ${mug.sku}, 'Mug', 1, 1000, ${lineTotal}, 0, 0, 0) returning discount_amount`;
  await assertRejects(() => insertAsBefore(900).execute(), Error, "order_items_total_check");
  assertEquals([...await insertAsBefore(1000)], [{ discount_amount: 0 }]);
  assertEquals(await redeemedOf(app, promotion), 1);
});
