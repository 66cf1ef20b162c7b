import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { expireDueOrders, processOrders } from "../../../src/orders/mod.ts";
import { transaction } from "../../../src/platform/db.ts";
import { type Answer, startTestApp } from "../../support/app.ts";
import { TestClock } from "../../support/clock.ts";
import { assertEventsValid, rewriteLog } from "../../support/events.ts";
import { addProduct, patch, place, read, SHIP_TO } from "../../support/orders.ts";

const START = "2026-03-01T08:00:00.000Z";

const at = (time: string, ms = 0) => `as_of=${new Date(Date.parse(time) + ms).toISOString()}`;

Deno.test("As of any time an order is what was answered then: from each change on, to the millisecond", async () => {
  const clock = new TestClock(START);
  await using app = await startTestApp({}, { clock });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const versions = [await place(app, owner, { [sku]: 2 }, { metadata: { b: "1", a: "2" } })];
  for (
    const change of [
      { note: "Ring twice" },
      { ship_to: { ...SHIP_TO, city: "Bonn" }, metadata: { b: null } },
      { status: "PAID" },
      { status: "REFUNDED" },
    ]
  ) {
    clock.pass(60_000);
    versions.push((await patch(app, staff, versions[0].id, change)).body);
  }
  const get = async (query: string) => await read(app, owner, `${versions[0].id}?${query}`);
  assertEquals((await get(at(versions[0].created_at, -1))).status, 404);
  for (const [index, version] of versions.entries()) {
    const then = await get(at(version.updated_at));
    assertEquals([then.status, then.body], [200, version]);
    assertEquals(then.headers.get("ETag"), `"${index + 1}"`);
    assertEquals((await get(at(version.updated_at, 59_999))).body, version);
    assertEquals((await read(app, staff, `${version.id}?${at(version.updated_at)}`)).body, version);
  }
  assertEquals((await get("as_of=2999-01-01T00:00:00Z")).body, versions.at(-1), "a time to come is now");
  assertEquals((await get("as_of=2026-03-01T10:00:59.9999%2B02:00")).body, versions[0], "in any offset");
});

Deno.test("An order that expired was PENDING until then, and screening changes nothing of it", async () => {
  const clock = new TestClock(START);
  await using app = await startTestApp({ ORDER_EXPIRATION_MINUTES: "5" }, { clock });
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 });
  clock.pass(60_000);
  await transaction(app.deps.sql, (tx) => processOrders(tx, systemCtx(app.deps, "test"), [order.id]));
  assertEquals((await read(app, owner, `${order.id}?${at(order.created_at, 60_000)}`)).body, order);
  clock.pass(300_000);
  assertEquals((await expireDueOrders(systemCtx(app.deps, "test"))).expired, 1);
  const now = (await read(app, owner, order.id)).body;
  assertEquals(now.status, "EXPIRED");
  assertEquals((await read(app, owner, `${order.id}?${at(now.updated_at, -1)}`)).body, order);
  assertEquals((await read(app, owner, `${order.id}?${at(now.updated_at)}`)).body, now);
});

Deno.test("As of its updated_at each version is that version, its money included, although the clock runs on while it is written", async () => {
  let time = Date.parse(START);
  await using app = await startTestApp({}, { clock: { now: () => new Date(time++) } });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const versions = [await place(app, owner, { [sku]: 2 })];
  const { id } = versions[0];
  const change = async (path: string, body: unknown) => {
    const headers = { "Idempotency-Key": path };
    const { status } = await app.request("POST", `/v1/orders/${id}${path}`, {
      token: staff.token,
      body,
      headers,
    });
    assertEquals(status, 201);
    versions.push((await read(app, owner, id)).body);
  };
  versions.push((await patch(app, owner, id, { note: "Ring twice" })).body);
  versions.push((await patch(app, staff, id, { status: "PAID" })).body);
  await change("/shipments", { items: [{ line: 1, quantity: 1 }] });
  await change("/refunds", { reason: "Arrived broken", amount: 100 });
  for (const [index, version] of versions.entries()) {
    const then = await read(app, owner, `${id}?${at(version.updated_at)}`);
    assertEquals([then.body, version.version], [version, index + 1]);
  }
  const { body: books } = await app.request("GET", `/v1/orders/${id}/ledger`, { token: staff.token });
  const [sale, capture, refund] = books.transactions;
  assertEquals(
    [sale, capture, refund].map(({ occurred_at }) => occurred_at),
    [0, 2, 4].map((index) => versions[index].updated_at),
  );
  await assertEventsValid(app.deps.sql);
});

Deno.test("Events from before lines counted what left and came back do not say which did: then those of shipments and returns do", async () => {
  const clock = new TestClock(START);
  await using app = await startTestApp({}, { clock });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app), await addProduct(app)];
  const versions = [await place(app, owner, { [a.sku]: 2, [b.sku]: 3 })];
  const { id } = versions[0];
  const act = async (path: string, body: unknown) => {
    clock.pass(60_000);
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    const { status, body: answer } = await app.request("POST", path, { token: staff.token, body, headers });
    assert([200, 201].includes(status), JSON.stringify(answer));
    versions.push((await read(app, owner, id)).body);
    return answer.id;
  };
  const lines = (...quantities: number[]) => ({
    items: quantities.map((quantity, i) => ({ line: i + 1, quantity })).filter(({ quantity }) =>
      quantity > 0
    ),
  });
  clock.pass(60_000);
  await patch(app, staff, id, { status: "PAID" });
  await act(`/v1/orders/${id}/shipments`, lines(0, 2));
  const wrong = await act(`/v1/orders/${id}/shipments`, lines(1, 1));
  await act(`/v1/shipments/${wrong}/cancellation`, undefined);
  await act(`/v1/orders/${id}/shipments`, lines(1));
  for (const units of [[0, 2], [1, 0]]) {
    const back = await act(`/v1/orders/${id}/returns`, { ...lines(...units), reason: "Too small" });
    clock.pass(60_000);
    await app.request("PATCH", `/v1/returns/${back}`, { token: staff.token, body: { status: "approved" } });
    const items = lines(...units).items.map(({ line, quantity }) => ({
      line,
      restocked: quantity - 1,
      written_off: 1,
    }));
    await act(`/v1/returns/${back}/receipt`, { items });
  }
  const counts = (order: Answer["body"]) =>
    order.items.map((item: { shipped: number; returned: number }) => `${item.shipped} ${item.returned}`);
  assertEquals(versions.map(counts), [
    ["0 0", "0 0"],
    ["0 0", "2 0"],
    ["1 0", "3 0"],
    ["0 0", "2 0"],
    ["1 0", "2 0"],
    ["1 0", "2 0"],
    ["1 0", "2 2"],
    ["1 0", "2 2"],
    ["1 1", "2 2"],
  ]);
  const assertAsOf = async () => {
    for (const version of versions) {
      assertEquals((await read(app, owner, `${id}?${at(version.updated_at)}`)).body, version);
    }
  };
  await assertAsOf();
  await rewriteLog(app.deps.sql, (tx) =>
    tx`
    update events set data = case type when 'order.created'
      then jsonb_set(data, '{items}', (select jsonb_agg(item - '{shipped,returned}'::text[]) from jsonb_array_elements(data->'items') item))
      else data - '{shipped_units,returned_units}'::text[] end
    where aggregate_type = 'order'`);
  await assertAsOf();
  await assertEventsValid(app.deps.sql);
});

Deno.test("The past is guarded like the present, never cached, and its ETag is known again", async () => {
  await using app = await startTestApp();
  const [owner, stranger] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  const order = await place(app, owner, { [sku]: 1 });
  await patch(app, owner, order.id, { note: "later" });
  const query = at(order.created_at);
  for (let round = 0; round < 2; round++) {
    const mine = await read(app, owner, `${order.id}?${query}`);
    assertEquals([mine.status, mine.body.note], [200, null]);
    assertNotEquals(mine.headers.get("X-Cache-Status"), "HIT");
    const theirs = await read(app, stranger, `${order.id}?${query}`);
    const none = await read(app, stranger, `${crypto.randomUUID()}?${query}`);
    assertEquals([theirs.status, theirs.body.detail], [404, none.body.detail]);
    assertEquals([theirs.headers.get("ETag"), theirs.headers.get("X-Cache-Status")], [null, null]);
    assertEquals(
      (await read(app, owner, order.id)).body.note,
      "later",
      "the past does not get into the cache",
    );
  }
  const known = await read(app, owner, `${order.id}?${query}`, { headers: { "If-None-Match": '"1"' } });
  assertEquals([known.status, known.body], [304, ""]);
  assertEquals((await app.request("GET", `/v1/orders/${order.id}?${query}`)).status, 401);
});

Deno.test("What is no time is refused by name; the year 0 is before everything", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  for (
    const time of ["", "yesterday", "2026-01-31", "2026-02-30T00:00:00Z", "1760000000", "2026-01-31T12:00:00"]
  ) {
    const { status, body } = await read(app, owner, `${id}?as_of=${time}`);
    assertEquals([status, body.errors?.[0]?.pointer], [422, "query/as_of"], time);
  }
  assertEquals((await read(app, owner, `${id}?asof=2026-01-31T12:00:00Z`)).status, 422);
  for (const time of ["0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]) {
    assertEquals((await read(app, owner, `${id}?as_of=${time}`)).status, 404, time);
  }
});
