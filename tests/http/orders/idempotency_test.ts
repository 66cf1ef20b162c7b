import { assert, assertEquals } from "@std/assert";
import type { ISql } from "postgres";
import { withConnection } from "../../../tools/database_admin.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import {
  addProduct,
  assertBooksBalance,
  levelOf,
  orderBody,
  patch,
  startAnother,
  tally,
  tryToPlace,
} from "../../support/orders.ts";

Deno.test("A hundred identical requests at once with one key are one order and a hundred equal answers", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const send = async () => {
    const response = await app.fetch(
      new Request("http://waybill.test/v1/orders", {
        method: "POST",
        headers: {
          "Authorization": `Bearer ${user.token}`,
          "Content-Type": "application/json",
          "Idempotency-Key": "the-only-one",
        },
        body: JSON.stringify(orderBody({ [sku]: 2 }, { note: "Ring twice", metadata: { b: "2", a: "1" } })),
      }),
    );
    return {
      status: response.status,
      replayed: response.headers.get("Idempotency-Replayed"),
      location: response.headers.get("Location"),
      text: await response.text(),
    };
  };
  const answers = await Promise.all(Array.from({ length: 100 }, send));
  assertEquals(answers.map(({ status }) => status), Array(100).fill(201));
  assertEquals(new Set(answers.map(({ text }) => text)).size, 1, "byte for byte");
  assertEquals(new Set(answers.map(({ location }) => location)).size, 1);
  assertEquals(answers.filter(({ replayed }) => replayed === "true").length, 99);
  assertEquals(answers.filter(({ replayed }) => replayed === null).length, 1);
  assertEquals(await levelOf(app, sku), { on_hand: 100, reserved: 2, available: 98, version: 2 });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Two processes that get the same key at the same time place one order", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 1000 });
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(
      [app, other, app, other].map((process) =>
        tryToPlace(process, user, { [sku]: 1 }, { key: `round-${round}` })
      ),
    );
    assertEquals(tally(answers), { 201: 4 });
    assertEquals(new Set(answers.map(({ body }) => body.id)).size, 1);
    assertEquals(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === null).length, 1);
  }
  assertEquals((await levelOf(app, sku)).reserved, 20);

  // One waits for its stock, so the other has found no answer yet. The reference that is taken is its own.
  const staff = await app.user("staff");
  const send = (process: TestApp) =>
    tryToPlace(process, staff, { [sku]: 1 }, { key: "both", more: { external_reference: "PO-1" } });
  const { both } = await app.deps.sql.begin(async (tx) => {
    await tx`select from stock_levels where sku = ${sku} for update`;
    const first = send(app);
    await untilWaiting(tx);
    const second = send(other);
    await untilWaiting(tx, { count: 2 });
    return { both: Promise.all([first, second]) };
  });
  const answers = await both;
  assertEquals(tally(answers), { 201: 2 });
  assertEquals(answers[1].body, answers[0].body);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A repeated request gets the first answer, even when the order has changed since", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const first = await tryToPlace(app, user, { [sku]: 1 }, { key: "k" });
  await patch(app, user, first.body.id, { note: "Changed" });
  const again = await tryToPlace(app, user, { [sku]: 1 }, { key: "k" });
  assertEquals([again.status, again.body], [201, first.body]);
  assertEquals(again.headers.get("ETag"), '"1"');
});

Deno.test("The same key with another body is refused, and the first order stays", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const first = await tryToPlace(app, user, { [sku]: 1 }, { key: "k" });
  const other = await tryToPlace(app, user, { [sku]: 2 }, { key: "k" });
  assertEquals([other.status, other.body.code], [422, "idempotency_key_reused"]);
  assertEquals((await tryToPlace(app, user, { [sku]: 1 }, { key: "k" })).body, first.body);
  assertEquals((await levelOf(app, sku)).reserved, 1);
});

Deno.test("Of different bodies with one key at the same time one is placed and the others are refused", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => tryToPlace(app, user, { [sku]: i + 1 }, { key: "k" })),
  );
  assertEquals(tally(answers), { 201: 1, "422 idempotency_key_reused": 19 });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Another user's same key is another key", async () => {
  await using app = await startTestApp();
  const [a, b] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  const ofA = await tryToPlace(app, a, { [sku]: 1 }, { key: "k" });
  const ofB = await tryToPlace(app, b, { [sku]: 1 }, { key: "k" });
  assertEquals([ofB.status, ofB.headers.get("Idempotency-Replayed"), ofB.body.user_id], [201, null, b.id]);
  assert(ofA.body.id !== ofB.body.id);
  // However many come at once, and are looked up together: each gets the answer to their own, or an order of their own.
  const c = await app.user();
  const together = [a, b, c, a, b, a];
  const answers = await Promise.all(
    together.map((user) => tryToPlace(app, user, { [sku]: 1 }, { key: "k" })),
  );
  assertEquals(answers.map(({ body }) => body.user_id), together.map(({ id }) => id));
  const idOf = new Map([[a, ofA.body.id], [b, ofB.body.id], [c, answers[2]!.body.id]]);
  assertEquals(answers.map(({ body }) => body.id), together.map((user) => idOf.get(user)));
});

Deno.test("A key is kept for 24 hours and can be used anew after that", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const age = (interval: string) =>
    app.deps.sql`
      update idempotency_keys set created_at = created_at - ${interval}::interval, expires_at = expires_at - ${interval}::interval`;
  const first = await tryToPlace(app, user, { [sku]: 1 }, { key: "k" });
  await age("23 hours 59 minutes");
  const replayed = await tryToPlace(app, user, { [sku]: 1 }, { key: "k" });
  assertEquals(replayed.body.id, first.body.id);
  await age("1 minute");
  const fresh = await tryToPlace(app, user, { [sku]: 2 }, { key: "k" });
  assertEquals([fresh.status, fresh.headers.get("Idempotency-Replayed"), fresh.body.items[0].quantity], [
    201,
    null,
    2,
  ]);
  const again = await tryToPlace(app, user, { [sku]: 2 }, { key: "k" });
  assertEquals([again.headers.get("Idempotency-Replayed"), again.body], ["true", fresh.body]);
  await assertBooksBalance(app.deps.sql);

  const { token } = await app.user("staff");
  for (
    const [path, bodyOf] of [
      ["/v1/carts", (n: number) => ({ currency: "EUR", items: [{ sku, quantity: n }] })],
      [`/v1/inventory/${sku}/adjustments`, (n: number) => ({ delta: n, reason: "Stock count" })],
    ] as const
  ) {
    const send = async (n: number) => {
      const headers = { "Idempotency-Key": "k" };
      const answer = await app.request("POST", path, { token, body: bodyOf(n), headers });
      return [answer.status, answer.headers.get("Idempotency-Replayed"), answer.body];
    };
    const [, , first] = await send(1);
    assertEquals(await send(1), [201, "true", first]);
    await age("24 hours");
    const [status, replayed, fresh] = await send(2);
    assertEquals([status, replayed], [201, null], path);
    assertEquals(await send(2), [201, "true", fresh]);
  }
});

Deno.test("A refusal is not remembered: the same key places the order once it is possible", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 0 });
  for (let attempt = 0; attempt < 3; attempt++) {
    assertEquals((await tryToPlace(app, user, { [sku]: 1 }, { key: "k" })).status, 409);
  }
  await app.request("POST", `/inventory/${sku}/adjustments`, {
    token: staff.token,
    body: { delta: 1, reason: "Found" },
  });
  const placed = await tryToPlace(app, user, { [sku]: 1 }, { key: "k" });
  assertEquals([placed.status, placed.headers.get("Idempotency-Replayed")], [201, null]);
});

Deno.test("Keys that cannot be kept are refused", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  for (const key of ["a b", "x".repeat(256), ""]) {
    const { status, body } = await tryToPlace(app, user, { A: 1 }, { key });
    assertEquals([status, body.errors[0].pointer], [422, "header/idempotency-key"]);
  }
});

Deno.test("Only who waits for the key too long is told that its first call is still running: who waits for something else is told what calls without a key are", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const [free, held] = [(await addProduct(app)).sku, (await addProduct(app)).sku];
  const adjust = (sku: string, key: string) =>
    app.request("POST", `/v1/inventory/${sku}/adjustments`, {
      token: staff.token,
      body: { delta: 1, reason: "Receipt" },
      headers: { "Idempotency-Key": key },
    });
  const insert = (sql: ISql, { id }: TestUser, key: string, route = "POST /v1/orders", days = 1) =>
    sql`insert into idempotency_keys (actor, route, key, request_hash, response, expires_at)
        values (${`user:${id}`}, ${route}, ${key}, ${
      "0".repeat(64)
    }, '', now() + make_interval(days => ${days}))`;
  await insert(app.deps.sql, user, "over", undefined, -1);

  const answers = await withConnection(app.deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await insert(tx, user, "running");
      await insert(tx, staff, "running", "POST /v1/inventory/{sku}/adjustments");
      await tx`select from idempotency_keys where key = 'over' for update`;
      await tx`select from stock_levels where sku = ${held} for update`;
      return await Promise.all([
        tryToPlace(app, user, { [free]: 1 }, { key: "running" }),
        tryToPlace(app, user, { [free]: 1 }, { key: "over" }),
        adjust(free, "running"),
        tryToPlace(app, user, { [held]: 1 }, { key: "mine" }),
        tryToPlace(app, user, { [held]: 1 }),
        adjust(held, "mine"),
      ]);
    }));
  const running = [409, "idempotency_in_progress", "1"];
  const busy = [503, "unavailable", "1"];
  assertEquals(
    answers.map(({ status, body, headers }) => [status, body.code, headers.get("Retry-After")]),
    [running, running, running, busy, busy, busy],
  );
  assertEquals((await tryToPlace(app, user, { [held]: 1 }, { key: "mine" })).status, 201);
  await assertBooksBalance(app.deps.sql);
});
