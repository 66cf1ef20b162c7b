import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { ADA_IN_LEEDS, addExport, openBorders, quoted } from "../../support/checkout.ts";
import { orderBody } from "../../support/orders.ts";

interface Entry {
  kind: string;
  amount: number;
  collected: boolean;
  rule: string;
}

const sumCollected = (entries: Entry[]) =>
  entries.reduce((sum, { amount, collected }) => sum + (collected ? amount : 0), 0);

async function place(app: TestApp, { token }: TestUser, body: object, key?: string) {
  const headers = key ? { "Idempotency-Key": key } : undefined;
  const answer = await app.request("POST", "/v1/orders", { token, body, headers });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

const explain = (app: TestApp, { token }: TestUser, id: string) =>
  app.request("GET", `/v1/orders/${id}/explanation`, { token });

Deno.test("An order without a cart is explained as a quote for the same would be, also after prices changed", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await openBorders(app);
  const { id, sku } = await addExport(app);
  const { quote } = await quoted(app, user, { [sku]: 3 });
  const body = orderBody({ [sku]: 3 }, { ship_to: ADA_IN_LEEDS, shipping_option: "standard" });
  const order = await place(app, user, body, "explained");
  await app.deps.sql`update product_prices set amount = amount + 1 where product_id = ${id}`;
  const { body: explained } = await explain(app, user, order.id);
  assertEquals(explained.explanation, quote.explanation);
  assertEquals([explained.total_price, explained.quote_id], [order.total_price, null]);
  assertEquals(sumCollected(explained.explanation), order.total_price);
  // It is none of the order itself, also where that is answered from its event.
  assertEquals(await place(app, user, body, "explained"), order);
});

Deno.test("What is due on delivery is told of an order as of a quote, and is none of its total", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 100_000 } });
  for (const incoterm of ["DAP", "DDP"]) {
    const { quote } = await quoted(app, user, { [sku]: 1 }, { incoterm });
    const order = await place(app, user, {
      ...orderBody({ [sku]: 1 }, { ship_to: ADA_IN_LEEDS, shipping_option: "standard" }),
      incoterm,
    });
    const { body } = await explain(app, user, order.id);
    const due = [body.duty_on_delivery, body.tax_on_delivery];
    assertEquals(due, [quote.duty_on_delivery, quote.tax_on_delivery]);
    assertEquals(due.map((amount) => amount > 0), incoterm === "DAP" ? [true, true] : [false, false]);
    assertEquals(order.total_price, quote.total_price);
  }
});

Deno.test("An order of a quote is explained by its quote", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await openBorders(app);
  const { sku } = await addExport(app);
  const { cart, quote } = await quoted(app, user, { [sku]: 1 });
  const checkout = { quote_id: quote.id, ship_to: ADA_IN_LEEDS };
  const { body } = await app.request("POST", `/v1/carts/${cart.id}/checkout`, {
    token: user.token,
    body: checkout,
  });
  const { body: explained } = await explain(app, user, body.order.id);
  assertEquals([explained.quote_id, explained.explanation], [quote.id, quote.explanation]);
});

Deno.test("Prices that staff agreed on are told as such, with and without duty and tax", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 1000 } });
  const items = [{ sku, quantity: 2, unit_price: 800 }];
  const body = { ...orderBody({}, { ship_to: ADA_IN_LEEDS, user_id: user.id }), items };
  const plain = await place(app, staff, body);
  const { explanation } = (await explain(app, user, plain.id)).body;
  assertEquals(explanation.map(({ kind, amount, rule }: Entry) => [kind, amount, rule]), [
    ["goods", 1600, "2 × 8.00 EUR, agreed instead of the list price of 10.00 EUR"],
  ]);
  const landed = await place(app, staff, { ...body, shipping_option: "standard" });
  const [goods, ...rest] = (await explain(app, user, landed.id)).body.explanation;
  assertEquals([goods.rule, rest.length], ["2 × 8.00 EUR, the agreed price", 3]);
});

Deno.test("How an order's price came to be is told to its customer and to staff only", async () => {
  await using app = await startTestApp();
  const [user, stranger, staff] = [await app.user(), await app.user(), await app.user("staff")];
  await openBorders(app);
  const { sku } = await addExport(app);
  const { id } = await place(
    app,
    user,
    orderBody({ [sku]: 1 }, { ship_to: ADA_IN_LEEDS, shipping_option: "standard" }),
  );
  assertEquals((await explain(app, stranger, id)).status, 404);
  assertEquals((await explain(app, staff, id)).status, 200);
});
