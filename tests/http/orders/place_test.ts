import { assertEquals, assertMatch } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  levelOf,
  orderBody,
  place,
  read,
  SHIP_TO,
  tally,
  tryToPlace,
} from "../../support/orders.ts";

Deno.test("Placing an order answers 201 with the order, its address and its version", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const mug = await addProduct(app, { sku: "MUG", prices: { EUR: 1499, USD: 1799 } });
  const pot = await addProduct(app, { sku: "POT", prices: { EUR: 2500 } });
  await app.deps.sql`
    update products set hs_code = '69120023', country_of_origin = 'PT', weight_grams = 350 where id = ${mug.id}`;
  const items = [{ sku: "MUG", quantity: 2 }, { product_id: pot.id, quantity: 1 }];
  const { status, headers, body } = await app.request("POST", "/v1/orders", {
    token: user.token,
    body: { items, currency: "EUR", ship_to: SHIP_TO, note: "Ring twice", metadata: { channel: "web" } },
  });
  assertEquals(status, 201);
  assertEquals(headers.get("Location"), `/v1/orders/${body.id}`);
  assertEquals(headers.get("ETag"), '"1"');
  assertEquals(headers.get("Idempotency-Replayed"), null);
  assertMatch(body.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertEquals(body, {
    id: body.id,
    number: "WB-100001",
    user_id: user.id,
    status: "PENDING",
    payment_status: "UNPAID",
    fulfilment_status: "UNFULFILLED",
    currency: "EUR",
    items: [
      {
        line: 1,
        product_id: mug.id,
        sku: "MUG",
        name: "Name of MUG",
        quantity: 2,
        cancelled: 0,
        shipped: 0,
        returned: 0,
        unit_price: 1499,
        list_price: null,
        discount_amount: 0,
        line_total: 2998,
        shipping_amount: 0,
        duty_amount: 0,
        tax_amount: 0,
        shipping_tax_amount: 0,
        hs_code: "69120023",
        country_of_origin: "PT",
        weight_grams: 350,
      },
      {
        line: 2,
        product_id: pot.id,
        sku: "POT",
        name: "Name of POT",
        quantity: 1,
        cancelled: 0,
        shipped: 0,
        returned: 0,
        unit_price: 2500,
        list_price: null,
        discount_amount: 0,
        line_total: 2500,
        shipping_amount: 0,
        duty_amount: 0,
        tax_amount: 0,
        shipping_tax_amount: 0,
        hs_code: null,
        country_of_origin: null,
        weight_grams: null,
      },
    ],
    coupon_code: null,
    discount_total: 0,
    subtotal: 5498,
    shipping_total: 0,
    duty_total: 0,
    tax_total: 0,
    total_price: 5498,
    amount_authorised: 0,
    amount_paid: 0,
    amount_refunded: 0,
    amount_due: 5498,
    units: 3,
    units_shipped: 0,
    units_delivered: 0,
    units_returned: 0,
    quote_id: null,
    incoterm: null,
    shipping_option: null,
    ship_to: SHIP_TO,
    note: "Ring twice",
    metadata: { channel: "web" },
    external_reference: null,
    placed_by: `user:${user.id}`,
    placed_at: body.created_at,
    created_at: body.created_at,
    updated_at: body.created_at,
    expires_at: new Date(Date.parse(body.created_at) + 30 * 60_000).toISOString(),
    pay_by: null,
    cancelled_at: null,
    cancel_reason: null,
    version: 1,
  });
  assertEquals((await read(app, user, body.id)).body, body, "what is stored is what was answered");
  assertEquals(await levelOf(app, "MUG"), { on_hand: 100, reserved: 2, available: 98, version: 2 });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An order keeps the names and prices of its moment", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { id, sku } = await addProduct(app);
  const order = await place(app, user, { [sku]: 1 });
  await app.deps.sql`update products set name = 'Renamed', status = 'archived' where id = ${id}`;
  await app.deps.sql`update product_prices set amount = 1 where product_id = ${id}`;
  assertEquals((await read(app, user, order.id)).body, order);
});

Deno.test("Every form of the path leads to the same route", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  for (
    const path of [
      "/orders",
      "/orders/",
      "/api/orders",
      "/api/orders/",
      "/v1/orders",
      "/v1/orders/",
      "/api/v1/orders",
    ]
  ) {
    const placed = await app.request("POST", path, { token: user.token, body: orderBody({ [sku]: 1 }) });
    assertEquals([placed.status, placed.headers.get("Location")], [201, `/v1/orders/${placed.body.id}`]);
    const found = await app.request("GET", `${path.replace(/\/$/, "")}/${placed.body.id}/`, {
      token: user.token,
    });
    assertEquals([found.status, found.body.id], [200, placed.body.id]);
  }
});

Deno.test("One key is one request, whatever form of the path it came by", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const send = (path: string) =>
    app.request("POST", path, {
      token: user.token,
      body: orderBody({ [sku]: 1 }),
      headers: { "Idempotency-Key": "k" },
    });
  const first = await send("/orders");
  const again = await send("/api/v1/orders/");
  assertEquals([again.status, again.headers.get("Idempotency-Replayed"), again.body], [
    201,
    "true",
    first.body,
  ]);
});

Deno.test("An id in capitals names the same product, user and order", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { id, sku } = await addProduct(app);
  const { status, body } = await app.request("POST", "/orders", {
    token: user.token,
    body: {
      items: [{ product_id: id.toUpperCase(), quantity: 1 }],
      currency: "EUR",
      ship_to: SHIP_TO,
      user_id: user.id.toUpperCase(),
    },
  });
  assertEquals([status, body.items[0].sku, body.user_id], [201, sku, user.id]);
  assertEquals((await read(app, user, body.id.toUpperCase())).body, body);
  await app.request("PATCH", `/orders/${body.id}`, { token: user.token, body: { note: "New" } });
  assertEquals(
    (await read(app, user, body.id.toUpperCase())).body.note,
    "New",
    "there is one cached order, not two",
  );
  const list = await app.request("GET", `/orders/user/${user.id.toUpperCase()}`, { token: user.token });
  assertEquals([list.status, list.body.data.length], [200, 1]);
});

Deno.test("A thousand lines are one order, whose stock moves once per SKU", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const skus: string[] = [];
  for (let i = 0; i < 10; i++) skus.push((await addProduct(app, { stock: 1000 })).sku);
  const line = (i: number) => ({ sku: skus[i % 10], quantity: 1 + i % 3 });
  const send = (count: number) =>
    app.request("POST", "/orders", {
      token: user.token,
      body: { ...orderBody({}), items: Array.from({ length: count }, (_, i) => line(i)) },
    });
  const { status, body } = await send(1000);
  assertEquals([status, body.items.length], [201, 1000]);
  assertEquals(
    body.items.map((item: { line: number }) => item.line),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
  const [moves] = await app.deps
    .sql`select count(*), sum(reserved_delta) from stock_movements where order_id = ${body.id}`;
  assertEquals({ ...moves }, { count: 10, sum: 1999 });
  assertEquals((await read(app, user, body.id)).body, body);
  const refused = await send(1001);
  assertEquals([refused.status, refused.body.code, refused.body.errors[0].pointer], [
    422,
    "invalid_request",
    "/items",
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Staff place for another user, at other prices and in the past, and the order and the log say so", async () => {
  await using app = await startTestApp();
  const [staff, user] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app, { prices: { GBP: 295 } });
  const { status, body } = await app.request("POST", "/orders", {
    token: staff.token,
    body: {
      items: [{ sku, quantity: 6, unit_price: 255 }, { sku, quantity: 1 }],
      currency: "GBP",
      ship_to: { ...SHIP_TO, country: "GB" },
      user_id: user.id,
      placed_at: "2010-12-01T08:26:00Z",
      external_reference: "536365",
    },
  });
  assertEquals(status, 201);
  assertEquals([body.user_id, body.placed_by], [user.id, `user:${staff.id}`]);
  assertEquals([body.placed_at, body.expires_at], ["2010-12-01T08:26:00.000Z", null]);
  assertEquals([body.external_reference, body.total_price], ["536365", 6 * 255 + 295]);
  const prices = body.items.map((item: Record<string, unknown>) => [item.unit_price, item.list_price]);
  assertEquals(prices, [[255, 295], [295, null]]);
  const own = (await read(app, user, body.id)).body;
  assertEquals(
    own,
    { ...body, placed_by: "staff" },
    "it is the user's own order, and who of the staff is not told",
  );
  const told = await app.request("GET", `/v1/events?aggregate_type=order&aggregate_id=${body.id}`, {
    token: user.token,
  });
  assertEquals(told.body.data[0].data.placed_by, "staff");
  const { body: list } = await app.request("GET", "/v1/orders", { token: user.token });
  assertEquals(list.data, [own]);
  const [created] = await eventsOf(app, "order", body.id);
  assertEquals([created!.type, created!.actor, created!.user_id], [
    "order.created",
    `user:${staff.id}`,
    user.id,
  ]);
  assertEquals(created!.data, body);
});

Deno.test("A customer who tries what only staff may gets 403, and nothing has changed", async () => {
  await using app = await startTestApp();
  const [user, victim] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  const before = await levelOf(app, sku);
  const attempts: Record<string, Record<string, unknown>> = {
    "/user_id": { user_id: victim.id },
    "/placed_at": { placed_at: "2020-01-01T00:00:00Z" },
    "/external_reference": { external_reference: "ERP-1" },
    "/items/0/unit_price": { items: [{ sku, quantity: 1, unit_price: 0 }] },
  };
  for (const [pointer, more] of Object.entries(attempts)) {
    const { status, body } = await tryToPlace(app, user, { [sku]: 1 }, { more, key: "one" });
    assertEquals([status, body.code, body.errors[0].pointer], [403, "forbidden", pointer]);
  }
  assertEquals(await levelOf(app, sku), before);
  const [rows] = await app.deps.sql`
    select (select count(*) from orders) as orders, (select count(*) from idempotency_keys) as keys,
           (select count(*) from events where aggregate_type = 'order') as events`;
  assertEquals({ ...rows }, { orders: 0, keys: 0, events: 0 });
});

Deno.test("Fields that callers may not set are refused one by one", async () => {
  await using app = await startTestApp();
  const user = await app.user("staff");
  const { sku } = await addProduct(app);
  for (
    const field of [
      "id",
      "number",
      "status",
      "payment_status",
      "total_price",
      "subtotal",
      "version",
      "placed_by",
      "created_at",
      "expires_at",
    ]
  ) {
    const { status, body } = await tryToPlace(app, user, { [sku]: 1 }, { more: { [field]: "x" } });
    assertEquals([status, body.errors.map((e: { pointer: string }) => e.pointer)], [422, [`/${field}`]]);
  }
  const inLine = await tryToPlace(app, user, {}, { more: { items: [{ sku, quantity: 1, line_total: 1 }] } });
  assertEquals([inLine.status, inLine.body.errors[0].pointer], [422, "/items/0/line_total"]);
});

Deno.test("Staff cannot place for somebody who is not there or is disabled", async () => {
  await using app = await startTestApp();
  const [staff, gone] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app);
  await app.deps.sql`update users set disabled_at = now() where id = ${gone.id}`;
  for (const user_id of [gone.id, newId()]) {
    const { status, body } = await tryToPlace(app, staff, { [sku]: 1 }, { more: { user_id } });
    assertEquals([status, body.code, body.errors[0].code], [422, "order_refused", "unknown_user"]);
  }
  assertEquals((await tryToPlace(app, gone, { [sku]: 1 })).status, 422);
});

Deno.test("A reference is placed once, whatever word it is, and in whatever form of Unicode it is written", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app);
  for (const external_reference of ["ERP-1", "constructor", "__proto__", "toString"]) {
    const first = await tryToPlace(app, staff, { [sku]: 1 }, { more: { external_reference } });
    assertEquals([first.status, first.body.external_reference], [201, external_reference]);
    const second = await tryToPlace(app, staff, { [sku]: 1 }, { more: { external_reference } });
    assertEquals([second.status, second.body.code], [409, "reference_taken"]);
    assertEquals(second.body.errors[0].order_id, first.body.id);
  }
  const [composed, decomposed] = ["Zoë-1", "Zoe\u0308-1"];
  const placeAs = (external_reference: string) =>
    tryToPlace(app, staff, { [sku]: 1 }, { more: { external_reference } });
  const { body: order } = await placeAs(decomposed);
  assertEquals(order.external_reference, composed);
  assertEquals(tally([await placeAs(composed), await placeAs(decomposed)]), { "409 reference_taken": 2 });
  for (const reference of [composed, decomposed]) {
    const path = `/v1/orders?external_reference=${encodeURIComponent(reference)}`;
    const { body } = await app.request("GET", path, { token: staff.token });
    assertEquals(body.data.map(({ id }: typeof order) => id), [order.id]);
  }
  await app.deps.sql`update orders set external_reference = ${decomposed} where id = ${order.id}`;
  const path = `/v1/orders?external_reference=${encodeURIComponent(decomposed)}`;
  const { body: old } = await app.request("GET", path, { token: staff.token });
  assertEquals(old.data.length, 1, "as it was written before there was a rule");
  await app.deps.sql`update orders set external_reference = ${composed} where id = ${order.id}`;
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Metadata with the words that JavaScript keeps for itself comes back as it was sent, or is refused", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const sent = `{"2":"a","10":"b","constructor":"c","toString":"t","ünï":"😀"}`;
  const body = JSON.stringify(orderBody({ [sku]: 1 })).replace(/}$/, `,"metadata":${sent}}`);
  const placed = await app.request("POST", "/orders", { token: user.token, body });
  assertEquals(placed.status, 201);
  assertEquals(JSON.stringify(placed.body.metadata), sent);
  assertEquals(JSON.stringify((await read(app, user, placed.body.id)).body), JSON.stringify(placed.body));
  for (const name of ["__proto__", " __proto__"]) {
    const lost = `"metadata":{"a":"b","${name}":"c"}`;
    for (
      const [method, path, body] of [
        ["POST", "/orders", JSON.stringify(orderBody({ [sku]: 1 })).replace(/}$/, `,${lost}}`)],
        ["PATCH", `/orders/${placed.body.id}`, `{${lost}}`],
        ["POST", "/carts", `{"currency":"EUR",${lost}}`],
      ] as const
    ) {
      const refused = await app.request(method, path, { token: user.token, body });
      assertEquals(
        [refused.status, refused.body.errors?.[0].pointer],
        [422, `/metadata/${name}`],
        `${method} ${path}`,
      );
    }
  }
});
