import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { importSchedule } from "../../../src/trade/mod.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { ADA_IN_LEEDS, addExport, lawOf, openBorders, quoted } from "../../support/checkout.ts";
import { assertEventsValid } from "../../support/events.ts";
import {
  addProduct,
  assertBooksBalance,
  orderBody,
  patch,
  SHIP_TO,
  tally,
  tryToPlace,
} from "../../support/orders.ts";

async function startShop() {
  const app = await startTestApp();
  await openBorders(app);
  return { app, user: await app.user() };
}

const toLeeds = (quantities: Record<string, number>, more: Record<string, unknown> = {}) =>
  orderBody(quantities, { ship_to: ADA_IN_LEEDS, shipping_option: "standard", ...more });

const order = (app: TestApp, { token }: TestUser, body: object) =>
  app.request("POST", "/v1/orders", { token, body });

Deno.test("An order without a cart costs what a quote says, line by line, and its books say so", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const [mug, bowl] = [await addExport(app), await addExport(app, { prices: { EUR: 999 } })];
  const quantities = { [mug.sku]: 3, [bowl.sku]: 1 };
  const { quote } = await quoted(app, user, quantities);
  const { status, body } = await order(app, user, toLeeds(quantities));
  assertEquals(status, 201, JSON.stringify(body));
  for (const total of ["subtotal", "shipping_total", "duty_total", "tax_total", "total_price"]) {
    assertEquals(body[total], quote[total], total);
  }
  assertEquals([body.incoterm, body.shipping_option, body.quote_id], ["DDP", "standard", null]);
  assertEquals(body.amount_due, quote.total_price);
  await assertBooksBalance(app.deps.sql);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Delivered at place, duty and tax are no part of the order", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { body } = await order(app, user, toLeeds({ [sku]: 1 }, { incoterm: "DAP" }));
  assertEquals([body.incoterm, body.duty_total, body.tax_total, body.shipping_total], ["DAP", 0, 0, 500]);
});

Deno.test("Customers of a shop that keeps schedules cannot order past shipping, duty and tax", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const without = await order(app, user, orderBody({ [sku]: 1 }, { ship_to: ADA_IN_LEEDS }));
  assertEquals([without.status, without.body.code], [422, "order_refused"]);
  const [{ pointer, code, available_options }] = without.body.errors;
  assertEquals([pointer, code, available_options], ["/shipping_option", "required", ["standard"]]);

  const unknown = await order(app, user, toLeeds({ [sku]: 1 }, { ship_to: { ...SHIP_TO, country: "BR" } }));
  assertEquals(unknown.body.errors.map(({ pointer, code }: Record<string, string>) => `${pointer} ${code}`), [
    "/ship_to/country destination_not_served",
    "/shipping_option shipping_not_available",
  ]);
});

Deno.test("What may not go there is not sold there, with the law's reason", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const gun = await addExport(app);
  await app.deps.sql`update products set hs_code = '930320' where id = ${gun.id}`;
  const { status, body } = await order(app, user, toLeeds({ [gun.sku]: 1 }));
  const [{ pointer, code, reason }] = body.errors;
  assertEquals([status, pointer, code, reason], [422, "/items/0", "restricted", "No firearms"]);
});

Deno.test("Where customs want a consignee's record, an order needs one, which is kept encrypted beside it", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const body = toLeeds({ [sku]: 1 }, { ship_to: { ...SHIP_TO, country: "KR" } });
  const without = await order(app, user, body);
  const [{ pointer, code, message }] = without.body.errors;
  assertEquals([pointer, code, message], ["/consignee", "required", "is needed by customs of KR: PCCC"]);

  const consignee = { name: "Hong Gildong", id_type: "PCCC", id_number: "P123456789012" };
  const { status, body: placed } = await order(app, user, { ...body, consignee });
  assertEquals(status, 201, JSON.stringify(placed));
  const path = `/v1/orders/${placed.id}/consignee`;
  const { body: kept } = await app.request("GET", path, { token: user.token });
  assertEquals([kept.masked_name, kept.masked_id], ["H*** G******", "*********9012"]);
  const told = await app.deps.sql`select data::text as data from events where aggregate_id = ${placed.id}`;
  assertEquals(told.filter(({ data }) => data.includes("P123456789012") || data.includes("Gildong")), []);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Staff's orders cost their lines alone, unless they name a shipping option", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const staff = await app.user("staff");
  const { sku } = await addExport(app, { prices: { EUR: 1000 } });
  const more = { ship_to: ADA_IN_LEEDS, user_id: user.id };
  const plain = await order(app, staff, orderBody({ [sku]: 1 }, more));
  assertEquals([plain.body.total_price, plain.body.incoterm], [1000, null], JSON.stringify(plain.body));
  const items = [{ sku, quantity: 1, unit_price: 800 }];
  // Duty 10 % of 13.00, VAT 20 % of 14.30.
  const agreed = await order(app, staff, { ...toLeeds({}, more), items });
  assertEquals(agreed.body.total_price, 800 + 500 + 130 + 286, JSON.stringify(agreed.body));
  assertEquals([agreed.body.items[0].unit_price, agreed.body.items[0].list_price], [800, 1000]);
});

Deno.test("In a shop without schedules an order costs its lines", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { prices: { EUR: 1000 } });
  const { status, body } = await tryToPlace(app, user, { [sku]: 2 });
  assertEquals([status, body.total_price, body.shipping_option], [201, 2000, null]);
});

/** A law of GB that takes nothing, from this day on. */
async function freeTrade(app: TestApp, effective_from: string) {
  const law = lawOf("GB", {
    effective_from,
    duty_rates: [{ hs_prefix: "", ad_valorem: "0" }],
    restrictions: [],
  });
  await importSchedule(systemCtx(app.deps, "test"), { ...law, tax: { ...law.tax, rates: [] } });
}

Deno.test("Orders of different days that are placed at once cost each what the law of its day says", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  await freeTrade(app, "2021-01-01");
  const staff = await app.user("staff");
  const { sku } = await addExport(app, { prices: { EUR: 1000 }, stock: 1000 });
  const placed_at = "2021-05-05T00:00:00Z";
  const import_ = { user_id: user.id, placed_at };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => [
      // May not say when it was placed; whoever is refused must not say what law holds for others either.
      order(app, user, toLeeds({ [sku]: 1 }, { placed_at })),
      order(app, user, toLeeds({ [sku]: 1 }, { placed_at: "0000-01-01T00:00:00Z" })),
      order(app, staff, toLeeds({ [sku]: 1 }, import_)),
      order(app, user, toLeeds({ [sku]: 1 })),
    ]).flat(),
  );
  assertEquals(tally(answers), { "403 forbidden": 40, "201": 40 });
  // Duty 10 % of 15.00, VAT 20 % of 16.50.
  const prices = answers.filter(({ status }) => status === 201).map(({ body }) => body.total_price);
  assertEquals(prices, Array.from({ length: 20 }, () => [1500, 1980]).flat());
});

Deno.test("A law that comes into force another day changes nothing today", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await freeTrade(app, `${new Date().getUTCFullYear() + 2}-01-01`);
  const { sku } = await addProduct(app, { prices: { EUR: 1000 } });
  const { status, body } = await tryToPlace(app, user, { [sku]: 2 });
  assertEquals([status, body.total_price], [201, 2000]);
});

Deno.test("A customer cannot send an order to another country afterwards, however it was priced", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const staff = await app.user("staff");
  const { sku } = await addExport(app);
  const { body } = await order(app, staff, orderBody({ [sku]: 1 }, { user_id: user.id }));
  const moved = await patch(app, user, body.id, { ship_to: ADA_IN_LEEDS });
  assertEquals([moved.status, moved.body.errors[0].pointer], [422, "/ship_to/country"]);
  assertEquals((await patch(app, staff, body.id, { ship_to: ADA_IN_LEEDS })).status, 200);
});

Deno.test("An order priced for one country cannot be sent to another", async () => {
  const { app, user } = await startShop();
  await using _ = app;
  const { sku } = await addExport(app);
  const { body } = await order(app, user, toLeeds({ [sku]: 1 }));
  for (const who of [user, await app.user("staff")]) {
    const answer = await patch(app, who, body.id, { ship_to: SHIP_TO });
    assertEquals([answer.status, answer.body.errors?.[0].pointer], [422, "/ship_to/country"]);
  }
});
