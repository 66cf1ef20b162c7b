import { assertEquals } from "@std/assert";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { countDeadlocks, untilWaiting } from "../support/lock_waits.ts";
import {
  addProduct,
  assertBooksBalance,
  atTheSameTime,
  levelOf,
  patch,
  place,
  read,
  startAnother,
  tally,
  tryToPlace,
} from "../support/orders.ts";
import { expire, MINUTE_MS, startPaidShop } from "../support/payments.ts";

const book = (app: TestApp, { token }: TestUser, items: unknown, more: object = {}, key?: string) =>
  app.request("POST", "/v1/inventory/adjustments", {
    token,
    body: { items, reason: "Delivery", ...more },
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
const bookOne = (app: TestApp, { token }: TestUser, sku: string, body: object) =>
  app.request("POST", `/v1/inventory/${sku}/adjustments`, { token, body: { reason: "Delivery", ...body } });
const addAll = async (app: TestApp, count: number, stock: number) => {
  const skus: string[] = [];
  for (let i = 0; i < count; i++) skus.push((await addProduct(app, { stock })).sku);
  return skus;
};
const onHand = async (app: TestApp, skus: string[]) =>
  await Promise.all(skus.map(async (sku) => (await levelOf(app, sku)).on_hand));
const codesOf = ({ body }: Answer): string[] => body.errors.map(({ code }: { code: string }) => code);

Deno.test("A document that comes many times at once, by two processes, whole, in parts and SKU by SKU, is booked once for each", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const staff = await app.user("staff");
  const skus = await addAll(app, 5, 0);
  const document = { kind: "receipt", reference: "GR-1" };
  const deliver = (by: TestApp, of: string[]) => () =>
    book(by, staff, of.map((sku) => ({ sku, delta: 7 })), document);
  const calls = [
    deliver(app, skus),
    deliver(other, skus.toReversed()),
    deliver(app, skus.slice(2)),
    deliver(other, skus.slice(0, 3).toReversed()),
    () => bookOne(app, staff, skus[2]!, { delta: 7, ...document }),
    () => bookOne(other, staff, skus[2]!, { delta: 7, ...document }),
  ];
  const answers = await atTheSameTime(app, skus[2]!, calls);
  for (const { status, body } of answers) {
    if (status !== 201) assertEquals([status, body.code], [409, "reference_taken"]);
  }
  assertEquals(
    answers.filter(({ status }) => status === 201).length,
    1,
    "all of them have the SKU in the middle",
  );
  // What is left of it is booked by whoever sends it then.
  for (const sku of skus) await bookOne(app, staff, sku, { delta: 7, ...document });
  assertEquals(await onHand(app, skus), Array(5).fill(7));
  await assertBooksBalance(app.deps.sql);
  await other.deps.sql.end();
  assertEquals(await countDeadlocks(app), 0);
});

Deno.test("Of an order and a document that want the same last units one has them, and the other is told what is left", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [user, staff] = [await app.user(), await app.user("staff")];
  for (let round = 0; round < 6; round++) {
    const [a, b] = await addAll(app, 2, 10) as [string, string];
    const [placed, written] = await atTheSameTime(app, b, [
      () => tryToPlace(other, user, { [b]: 6, [a]: 6 }),
      () => book(app, staff, [{ sku: b, delta: -6 }, { sku: a, on_hand: 4, expected_on_hand: 10 }]),
    ]) as [Answer, Answer];
    const levels = [await levelOf(app, a), await levelOf(app, b)];
    if (placed.status === 201) {
      assertEquals([written.status, codesOf(written)], [409, Array(2).fill("insufficient_stock")]);
      assertEquals(written.body.errors.map(({ available }: { available: number }) => available), [4, 4]);
      assertEquals(levels.map(({ on_hand, reserved }) => [on_hand, reserved]), Array(2).fill([10, 6]));
    } else {
      assertEquals([placed.status, placed.body.code, written.status], [409, "insufficient_stock", 201]);
      assertEquals(levels.map(({ on_hand, reserved }) => [on_hand, reserved]), Array(2).fill([4, 0]));
    }
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A count of many SKUs waits for a sale that is under way, and books nothing where that changed what was counted", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const [a, b] = await addAll(app, 2, 10) as [string, string];
  const { counting } = await app.deps.sql.begin(async (tx) => {
    await tx`update stock_levels set on_hand = 9, version = version + 1 where sku = ${b}`;
    await tx`
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, reason, actor)
      values (${b}, 'default', 'adjustment', -1, 0, 2, 'Broken', 'system:test')`;
    const counting = book(app, staff, [a, b].map((sku) => ({ sku, on_hand: 12, expected_on_hand: 10 })));
    await untilWaiting(tx, { text: "stock_levels" });
    return { counting };
  });
  const { status, body } = await counting;
  assertEquals([status, body.code], [409, "stock_changed"]);
  assertEquals(body.errors.map(({ pointer, on_hand }: Record<string, unknown>) => [pointer, on_hand]), [
    ["/items/1/expected_on_hand", 9],
  ]);
  assertEquals(await onHand(app, [a, b]), [10, 9]);
});

Deno.test("A key that comes at once with a document and with another one books one of them, whichever was first", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const staff = await app.user("staff");
  const skus = await addAll(app, 3, 0);
  const items = skus.map((sku) => ({ sku, delta: 5 }));
  const answers = await atTheSameTime(app, skus[0]!, [
    () => book(app, staff, items, {}, "one"),
    () => book(other, staff, items, {}, "one"),
    () => book(app, staff, items.toReversed(), {}, "one"),
  ]);
  const counts = tally(answers);
  const first = answers.filter(({ status, headers }) =>
    status === 201 && !headers.has("Idempotency-Replayed")
  );
  assertEquals(first.length, 1);
  assertEquals([counts["201"]! + counts["422 idempotency_key_reused"]!], [3]);
  for (const { status, body } of answers) if (status === 201) assertEquals(body, first[0]!.body);
  assertEquals(await onHand(app, skus), [5, 5, 5]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Documents of the same few SKUs get along with orders, their ends, and single changes, and nobody waits in a circle", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, pass } = shop;
  await using other = await startAnother(app);
  const skus = await addAll(app, 6, 500);
  const placeEach = async () => {
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) {
      const quantities = { [skus[i]!]: 2, [skus[(i + 1) % 6]!]: 1 };
      ids.push((await place(app, staff, quantities, { user_id: user.id })).id);
    }
    return ids;
  };
  const due = await placeEach();
  await pass(61 * MINUTE_MS);
  const unwanted = await placeEach();
  const answers = await Promise.all(Array.from({ length: 72 }, async (_, i): Promise<Answer | number> => {
    const process = i % 2 ? app : other;
    const turned = skus.slice(i % 6).concat(skus.slice(0, i % 6));
    const order = i % 4 < 2 ? turned : turned.toReversed();
    switch (i % 6) {
      case 0:
      case 1:
      case 2:
        return await book(process, staff, order.map((sku) => ({ sku, delta: i % 5 === 0 ? -1 : 2 })));
      case 3:
        return await tryToPlace(process, staff, Object.fromEntries(order.slice(0, 3).map((sku) => [sku, 1])));
      case 4:
        return await patch(process, staff, unwanted[Math.floor(i / 6) % 6]!, { status: "CANCELLED" });
      default:
        return i % 12 === 5 ? await expire(process) : await bookOne(process, staff, order[0]!, { delta: 1 });
    }
  }));
  const told = answers.filter((each) => typeof each !== "number");
  assertEquals(tally(told), { "200": 12, "201": told.length - 12 });
  await expire(app);
  for (const id of due) assertEquals((await read(app, user, id)).body.status, "EXPIRED");
  const delivered = Array.from({ length: 72 }, (_, i) => i).filter((i) => i % 6 < 3)
    .reduce((sum, i) => sum + (i % 5 === 0 ? -1 : 2), 0);
  const singles = 6;
  const total = (await onHand(app, skus)).reduce((sum, each) => sum + each, 0);
  assertEquals(total, 6 * (500 + delivered) + singles);
  await assertBooksBalance(app.deps.sql);
  await other.deps.sql.end();
  assertEquals(await countDeadlocks(app), 0);
});
