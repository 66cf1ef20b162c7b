import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { testWithRedis } from "../../support/database.ts";
import {
  addProduct,
  assertBooksBalance,
  atTheSameTime,
  eventsOf,
  levelOf,
  place,
  tally,
} from "../../support/orders.ts";

const book = (app: TestApp, by: TestUser, items: unknown, more: Record<string, unknown> = {}, key?: string) =>
  app.request("POST", "/v1/inventory/adjustments", {
    token: by.token,
    body: { items, reason: "Delivery", ...more },
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
const onHand = async (app: TestApp, skus: string[]) =>
  await Promise.all(skus.map(async (sku) => (await levelOf(app, sku)).on_hand));
const addAll = async (app: TestApp, count: number, stock: number) =>
  (await Promise.all(Array.from({ length: count }, () => addProduct(app, { stock })))).map(({ sku }) => sku);

Deno.test("A delivery of several SKUs is booked by one document, and each movement and event says which", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const [a, b, c] = await addAll(app, 3, 10) as [string, string, string];
  const document = { kind: "receipt", reference: "GR-1" };
  const { status, body } = await book(app, staff, [{ sku: c, delta: 5 }, { sku: a, delta: 7 }, {
    sku: b,
    on_hand: 12,
    expected_on_hand: 10,
  }], document);
  assertEquals(status, 201);
  assertEquals(body.data.map(({ sku, on_hand }: Record<string, unknown>) => [sku, on_hand]), [
    [c, 15],
    [a, 17],
    [b, 12],
  ]);
  for (const [sku, delta] of [[a, 7], [b, 2], [c, 5]] as const) {
    assertEquals((await levelOf(app, sku)).on_hand, 10 + delta);
    const { body: read } = await app.request("GET", `/v1/inventory/${sku}`);
    assertEquals(read.on_hand, 10 + delta, "what was just booked is read");
    const { body: { data: [movement] } } = await app.request("GET", `/v1/inventory/${sku}/movements`, {
      token: staff.token,
    });
    assertEquals([movement.version, movement.created_at], [read.version, read.updated_at]);
    const last = (await eventsOf(app, "inventory", `${sku}@default`)).at(-1)!;
    const { kind, reference, reason, on_hand_delta } = last.data as Record<string, unknown>;
    assertEquals([kind, reference, reason, on_hand_delta], ["receipt", "GR-1", "Delivery", delta]);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Nothing of a document is booked if one item is refused, and every item in the way is named", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const [good, counted, reserved] = await addAll(app, 3, 10) as [string, string, string];
  await place(app, customer, { [reserved]: 8 });
  const { status, body } = await book(app, staff, [
    { sku: good, delta: 5 },
    { sku: "NOWHERE", delta: 5 },
    { sku: counted, on_hand: 12, expected_on_hand: 11 },
    { sku: reserved, delta: -3 },
  ]);
  assertEquals([status, body.code, body.detail], [
    422,
    "invalid_request",
    "Nothing is booked, as 3 of 4 items cannot be: There is no SKU NOWHERE.",
  ]);
  assertEquals(
    body.errors.map(({ pointer, code, sku }: Record<string, unknown>) => [pointer, code, sku]),
    [
      ["/items/1/sku", "unknown_sku", "NOWHERE"],
      ["/items/2/expected_on_hand", "stock_changed", counted],
      ["/items/3/delta", "insufficient_stock", reserved],
    ],
  );
  assertEquals([body.errors[1].on_hand, body.errors[2].available], [10, 2]);
  assertEquals(await onHand(app, [good, counted, reserved]), [10, 10, 10]);
  const changed = await book(app, staff, [{ sku: counted, on_hand: 12, expected_on_hand: 11 }]);
  assertEquals([changed.status, changed.body.code], [409, "stock_changed"]);
});

Deno.test("A document is booked once for each SKU: sent again it names those that have it, and books none", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const [a, b] = await addAll(app, 2, 0) as [string, string];
  const document = { kind: "receipt", reference: "GR-2" };
  await book(app, staff, [{ sku: a, delta: 5 }], document);
  const again = await book(app, staff, [{ sku: a, delta: 5 }, { sku: b, delta: 5 }], document);
  assertEquals([again.status, again.body.code], [409, "reference_taken"]);
  assertEquals(again.body.errors.map(({ pointer }: { pointer: string }) => pointer), ["/items/0/sku"]);
  assertEquals(await onHand(app, [a, b]), [5, 0]);
  const counted = await book(app, staff, [{ sku: a, on_hand: 6, expected_on_hand: 5 }], document);
  assertEquals([counted.status, counted.body.code], [409, "reference_taken"]);
  assertEquals((await book(app, staff, [{ sku: b, delta: 5 }], document)).status, 201);
});

Deno.test("A repeated call with the same key books nothing again and gives the same answer", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const skus = await addAll(app, 2, 0);
  const items = skus.map((sku) => ({ sku, delta: 3 }));
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => book(app, staff, items, {}, "delivery-7")),
  );
  assertEquals(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size, 1);
  assertEquals(answers.filter(({ headers }) => headers.has("Idempotency-Replayed")).length, 4);
  assertEquals(await onHand(app, skus), [3, 3]);
});

Deno.test("Documents that name the same SKUs in any order never wait for each other in a circle, nor lose a unit", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const skus = await addAll(app, 6, 0);
  const documents = Array.from({ length: 8 }, (_, i) => {
    const inTurn = i % 2 ? skus : skus.toReversed();
    return () => book(app, staff, inTurn.map((sku) => ({ sku, delta: i + 1 })));
  });
  assertEquals(tally(await atTheSameTime(app, skus[3]!, documents)), { "201": 8 });
  assertEquals(await onHand(app, skus), Array(6).fill(8 * 9 / 2));
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What cannot be meant is refused by item: no items, a SKU twice, a receipt that takes away, half a count", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 10 });
  const pointers = async (items: unknown, more: Record<string, unknown> = {}) => {
    const { status, body } = await book(app, staff, items, more);
    assertEquals([status, body.code], [422, "invalid_request"]);
    return body.errors.map(({ pointer }: { pointer: string }) => pointer);
  };
  assertEquals(await pointers([]), ["/items"]);
  assertEquals(await pointers(Array.from({ length: 1001 }, (_, i) => ({ sku: `S-${i}`, delta: 1 }))), [
    "/items",
  ]);
  assertEquals(await pointers([{ sku, delta: 1 }, { sku, delta: 2 }]), ["/items/1/sku"]);
  assertEquals(await pointers([{ sku, delta: -1 }], { kind: "receipt" }), ["/items/0/delta"]);
  assertEquals(await pointers([{ sku, on_hand: 10, expected_on_hand: 10 }], { kind: "return" }), [
    "/items/0/on_hand",
  ]);
  assertEquals(await pointers([{ sku, on_hand: 1 }]), ["/items/0/expected_on_hand"]);
  assertEquals(await pointers([{ sku, delta: 0 }]), ["/items/0/delta"]);
  assertEquals(await onHand(app, [sku]), [10]);
});

Deno.test("A count that finds what was expected moves nothing", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const [a, b] = await addAll(app, 2, 10) as [string, string];
  const before = await levelOf(app, a);
  const { status, body } = await book(app, staff, [
    { sku: b, on_hand: 9, expected_on_hand: 10 },
    { sku: a, on_hand: 10, expected_on_hand: 10 },
  ], { reason: "Stock count" });
  assertEquals(status, 201);
  assertEquals(
    body.data.map(({ sku, on_hand, version }: Record<string, unknown>) => [sku, on_hand, version]),
    [[b, 9, 2], [a, 10, 1]],
    "what stays as it is is told as well",
  );
  assertEquals(await levelOf(app, a), before);
  assertEquals(await onHand(app, [a, b]), [10, 9]);
});

Deno.test("A thousand SKUs are booked by one call, of which each is told in its place", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const skus = Array.from({ length: 1000 }, (_, i) => `S-${(i * 7919) % 1000}`);
  await app.deps.sql`
    insert into products (id, sku, name)
    select gen_random_uuid(), sku, 'One of many' from unnest(${skus}::text[]) as sku`;
  const { status, body } = await book(app, staff, skus.map((sku, i) => ({ sku, delta: i + 1 })));
  assertEquals(status, 201);
  assertEquals(
    body.data.map(({ sku, on_hand }: Record<string, unknown>) => [sku, on_hand]),
    skus.map((sku, i) => [sku, i + 1]),
  );
  const events = await app.deps.sql`
    select from events where type = 'inventory.updated' and (data ->> 'on_hand_delta') = (data ->> 'on_hand')`;
  assertEquals(events.length, 1000);
  await assertBooksBalance(app.deps.sql);
});

testWithRedis("Levels that are cached are read as a delivery left them", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const skus = await addAll(app, 2, 10);
  const read = async () =>
    await Promise.all(
      skus.map(async (sku) => (await app.request("GET", `/v1/inventory/${sku}`)).body.on_hand),
    );
  assertEquals(await read(), [10, 10]);
  assertEquals((await book(app, staff, skus.map((sku) => ({ sku, delta: 5 })))).status, 201);
  assertEquals(await read(), [15, 15]);
});
