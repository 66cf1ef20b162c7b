import { assert, assertEquals } from "@std/assert";
import { ADA_IN_LEEDS, addExport, askQuote, fillCart, quoted, tryCheckOut } from "../support/checkout.ts";
import { assertBooksBalance, levelOf, patch, place, read, tally } from "../support/orders.ts";
import { capture, startPaidShop, TOTAL, tryToPay, tryToRefund } from "../support/payments.ts";
import { contents, inWorld } from "./operations.ts";

/** What is no amount of money, no number of units, or too much of either. */
const NO_AMOUNTS = [0, -1, -4497, 1.5, 1e308, 2 ** 53, 2 ** 63, "1", "0x1", "1e3", true, [1], { amount: 1 }];

Deno.test("No customer says what anything costs: prices, totals and duty come from the catalogue and the law alone", async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  const cheap = { unit_price: 1, added_price: 1, price: 1, line_total: 1, duty_amount: 0, tax_amount: 0 };
  const sums = { subtotal: 1, shipping_total: 0, duty_total: 0, tax_total: 0, total_price: 1, amount_due: 0 };
  const { cart, quote } = await quoted(app, user, { [sku]: 3 });
  const payment = { provider: "sandbox", payment_method: "tok_success" };
  const targets: [path: string, body: Record<string, unknown>, fields: Record<string, unknown>][] = [
    ["/v1/carts", { currency: "EUR", items: [] }, sums],
    [`/v1/carts/${cart.id}/items`, { sku, quantity: 1 }, cheap],
    [`/v1/carts/${cart.id}/quotes`, { shipping_option: "standard" }, { ...sums, currency: "JPY" }],
    [`/v1/carts/${cart.id}/checkout`, { quote_id: quote.id, ship_to: ADA_IN_LEEDS }, {
      ...sums,
      currency: "JPY",
      status: "PAID",
      payment_status: "PAID",
    }],
    [`/v1/carts/${cart.id}/checkout`, { quote_id: quote.id, ship_to: ADA_IN_LEEDS, payment }, {
      "payment/amount": 1,
      "payment/status": "captured",
      "payment/amount_captured": TOTAL,
    }],
  ];
  for (const [path, body, fields] of targets) {
    for (const [field, value] of Object.entries(fields)) {
      const [inner, outer] = field.split("/").reverse() as [string, string?];
      const sent = outer === undefined
        ? { ...body, [inner]: value }
        : { ...body, [outer]: { ...body[outer] as object, [inner]: value } };
      const answer = await app.request("POST", path, { token: user.token, body: sent });
      assertEquals([answer.status, answer.body.errors[0].pointer], [422, `/${field}`], path);
    }
  }
  const { body } = await tryCheckOut(app, user, quote, { payment });
  assertEquals([body.order.total_price, body.payment.amount_captured], [TOTAL, TOTAL]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A customer's cent makes no order paid, and what is no amount is no payment", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  for (const amount of [...NO_AMOUNTS, TOTAL + 1, Number.MAX_SAFE_INTEGER]) {
    const { status, body } = await tryToPay(app, user, order.id, "tok_success", { amount });
    assertEquals([status, body.errors[0].pointer], [422, "/amount"], String(amount));
  }
  assertEquals((await app.deps.sql`select from payments`).length, 0);
  assertEquals((await tryToPay(app, user, order.id, "tok_success", { amount: 1 })).status, 201);
  const { body } = await read(app, user, order.id);
  assertEquals([body.status, body.payment_status, body.amount_due], ["PENDING", "PARTIALLY_PAID", TOTAL - 1]);
  for (const change of [{ status: "PAID" }, { payment_status: "PAID" }, { amount_due: 0 }]) {
    const { status } = await patch(app, user, order.id, change);
    assert(status === 403 || status === 422, `${status}: ${JSON.stringify(change)}`);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Nobody gives back, captures or sends negative, broken or enormous amounts", async () => {
  await inWorld(async (world) => {
    const { app, staff, owner, books } = world;
    const { orderId } = books.paid;
    const before = await contents(world);
    for (const amount of NO_AMOUNTS) {
      const answers = [
        await tryToRefund(app, staff, orderId, { amount }),
        await tryToRefund(app, staff, orderId, { items: [{ line: 1, quantity: amount }] }),
        await capture(app, staff, books.reserved, amount as number),
        ...await Promise.all([
          [`/v1/orders/${orderId}/shipments`, { items: [{ line: 1, quantity: amount }] }],
          [`/v1/orders/${orderId}/returns`, { items: [{ line: 1, quantity: amount }], reason: "A" }],
          [`/v1/returns/${books.returns.approved}/receipt`, { items: [{ line: 1, restocked: amount }] }],
          [`/v1/carts/${world.carts.open}/items`, { sku: world.product.sku, quantity: amount }],
        ].map(([path, body]) => {
          const isOwners = /\/(returns|items)$/.test(path as string);
          return app.request("POST", path as string, { token: (isOwners ? owner : staff).token, body });
        })),
      ];
      assertEquals(answers.map(({ status }) => status), answers.map(() => 422), JSON.stringify(amount));
    }
    assertEquals(await contents(world), before);
    for (const body of [{ amount: Number.MAX_SAFE_INTEGER }, { items: [{ line: 1, quantity: 1_000_000 }] }]) {
      const answer = await tryToRefund(app, staff, orderId, body);
      assertEquals([answer.status, answer.body.code], [422, "refund_refused"]);
    }
    assertEquals((await capture(app, staff, books.reserved, Number.MAX_SAFE_INTEGER)).status, 422);
    assertEquals(await contents(world), before);
  });
});

Deno.test("Many units of what is dear are refused, and never counted beyond what a number can hold", async () => {
  await using shop = await startPaidShop();
  const { app, user } = shop;
  const { sku } = await addExport(app, { stock: 1_000_000, prices: { EUR: Number.MAX_SAFE_INTEGER } });
  for (const quantity of [1, 2, 1_000_000]) {
    const cart = await fillCart(app, user, { [sku]: quantity });
    const { status, body } = await askQuote(app, user, cart.id);
    assert(status >= 400 && status < 500, `${quantity}: ${status} ${JSON.stringify(body)}`);
  }
  assertEquals((await levelOf(app, sku)).reserved, 0);
});

Deno.test("What was priced for one country does not go to another, neither before nor after it is ordered", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const inBerlin = { ...ADA_IN_LEEDS, city: "Berlin", country: "DE" };
  const elsewhere = await tryCheckOut(app, user, quote, { ship_to: inBerlin });
  assertEquals([elsewhere.status, elsewhere.body.errors[0].pointer], [422, "/ship_to/country"]);
  const { order } = (await tryCheckOut(app, user, quote)).body;
  for (const who of [user, staff]) {
    const { status, body } = await patch(app, who, order.id, { ship_to: inBerlin });
    assertEquals([status, body.errors[0].pointer], [422, "/ship_to/country"]);
  }
  const nextDoor = { ...ADA_IN_LEEDS, lines: ["2 High St"] };
  assertEquals((await patch(app, user, order.id, { ship_to: nextDoor })).body.ship_to, nextDoor);
  const priced = await place(app, user, { [sku]: 1 }, { ship_to: inBerlin, shipping_option: "standard" });
  assertEquals((await patch(app, user, priced.id, { ship_to: ADA_IN_LEEDS })).status, 422);
  const plain = await place(app, staff, { [sku]: 1 }, { ship_to: inBerlin, user_id: user.id });
  assertEquals((await patch(app, user, plain.id, { ship_to: ADA_IN_LEEDS })).status, 422);
  assertEquals((await patch(app, staff, plain.id, { ship_to: ADA_IN_LEEDS })).status, 200);
});

Deno.test("Of 50 refunds of one order at once no more goes back than was paid, to the cent", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const part = Math.ceil(TOTAL / 5);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => tryToRefund(app, staff, order.id, { amount: part })),
  );
  assertEquals(tally(answers), { "201": 4, "422 refund_refused": 46 });
  assertEquals((await read(app, user, order.id)).body.amount_refunded, 4 * part);
  await assertBooksBalance(app.deps.sql);
});
