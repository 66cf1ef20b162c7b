import { assertEquals } from "@std/assert";
import { type RequestOptions, startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  eventsOf,
  levelOf,
  patch,
  place,
  startAnother,
  takeThrough,
  tally,
} from "../../support/orders.ts";

const cancel = (app: TestApp, user: TestUser, id: string, options: RequestOptions = {}) =>
  app.request("POST", `/v1/orders/${id}/cancellation`, { token: user.token, ...options });

Deno.test("An owner cancels with a reason, or without a body at all", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const [one, two, three] = [1, 2, 3].map(() => place(app, owner, { [sku]: 1 }));
  const withReason = await cancel(app, owner, (await one!).id, { body: { reason: "Ordered twice" } });
  assertEquals([withReason.status, withReason.body.status], [200, "CANCELLED"]);
  assertEquals([withReason.body.cancel_reason, withReason.body.cancelled_at], [
    "Ordered twice",
    withReason.body.updated_at,
  ]);
  assertEquals(withReason.headers.get("ETag"), '"2"');
  const without = await cancel(app, owner, (await two!).id);
  assertEquals([without.status, without.body.status, without.body.cancel_reason], [200, "CANCELLED", null]);
  const empty = await cancel(app, owner, (await three!).id, { body: {} });
  assertEquals([empty.status, empty.body.status], [200, "CANCELLED"]);
  assertEquals((await levelOf(app, sku)).reserved, 0);
  const [, cancelled] = await eventsOf(app, "order", withReason.body.id);
  assertEquals(cancelled!.type, "order.cancelled");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A body of another kind is refused, and the order stays", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const as = (type: string) => ({ "Content-Type": type });
  assertEquals((await cancel(app, owner, id, { body: "reason=x", headers: as("text/plain") })).status, 415);
  assertEquals(
    (await cancel(app, owner, id, { body: "a=b", headers: as("application/x-www-form-urlencoded") })).status,
    415,
  );
  assertEquals((await cancel(app, owner, id, { body: "{" })).status, 400);
  assertEquals((await cancel(app, owner, id, { body: { status: "PAID" } })).status, 422);
  for (const type of ["application/json", "Application/JSON", 'application/json;Charset="utf-8"']) {
    const read = await cancel(app, owner, id, { body: '{"reason":""}', headers: as(type) });
    assertEquals([read.status, read.body.errors?.[0].pointer], [422, "/reason"], type);
  }
  assertEquals((await levelOf(app, sku)).reserved, 1);
});

Deno.test("Cancelling twice answers the same and changes nothing more", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const first = await cancel(app, owner, id, { body: { reason: "First" } });
  const second = await cancel(app, owner, id, { body: { reason: "Second" } });
  assertEquals([second.status, second.body], [200, first.body]);
  assertEquals((await eventsOf(app, "order", id)).length, 2);
});

Deno.test("Fifty cancellations at once, from two processes and both routes, are one event and one release", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 5 });
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => {
    const process = i % 2 ? app : other;
    const user = i % 3 ? owner : staff;
    return i % 5 ? cancel(process, user, id) : patch(process, user, id, { status: "CANCELLED" });
  }));
  assertEquals(tally(answers), { 200: 50 });
  assertEquals(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  assertEquals((await eventsOf(app, "order", id)).map(({ type }) => type), [
    "order.created",
    "order.cancelled",
  ]);
  const moves = await app.deps
    .sql`select kind, reserved_delta from stock_movements where order_id = ${id} order by version`;
  assertEquals(moves.map((move) => ({ ...move })), [{ kind: "reservation", reserved_delta: 5 }, {
    kind: "release",
    reserved_delta: -5,
  }]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Owners cancel while an order is PENDING, staff until it ships", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  await patch(app, staff, id, { status: "PAID" });
  const late = await cancel(app, owner, id);
  assertEquals([late.status, late.body.code], [403, "forbidden"]);
  await patch(app, staff, id, { status: "PROCESSING" });
  assertEquals((await cancel(app, staff, id)).body.status, "CANCELLED");
  const shipped = await place(app, owner, { [sku]: 1 });
  await takeThrough(app, staff, shipped.id, ["PAID", "PROCESSING", "SHIPPED"]);
  const tooLate = await cancel(app, staff, shipped.id);
  assertEquals([tooLate.status, tooLate.body.code], [409, "invalid_transition"]);
  const message = "An order that is SHIPPED cannot become CANCELLED.";
  assertEquals(
    tooLate.body.errors,
    [{ pointer: "", code: "invalid_transition", message }],
    "the body has no status",
  );
});

Deno.test("If-Match holds for cancellations too", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  assertEquals((await cancel(app, owner, id, { headers: { "If-Match": '"2"' } })).status, 412);
  assertEquals((await cancel(app, owner, id, { headers: { "If-Match": '"1"' } })).status, 200);
});

Deno.test("Paying races cancelling: one wins, the other is told, and the stock follows the winner", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1000 });
  for (let round = 0; round < 20; round++) {
    const { id } = await place(app, owner, { [sku]: 1 });
    const [paid, cancelled] = await Promise.all([
      patch(app, staff, id, { status: "PAID" }),
      cancel(app, owner, id),
    ]);
    if (cancelled.status === 200) assertEquals([paid.status, paid.body.code], [409, "invalid_transition"]);
    else assertEquals([paid.status, cancelled.status, cancelled.body.code], [200, 403, "forbidden"]);
  }
  await assertBooksBalance(app.deps.sql);
});
