import { assertEquals, assertNotEquals } from "@std/assert";
import { type RequestOptions, startTestApp, type TestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { addProduct, eventsOf, startAnother, tally } from "../../support/orders.ts";

function create(app: TestApp, token: string | undefined, key: string, body: RequestOptions["body"]) {
  return app.request("POST", "/v1/carts", { token, body, headers: { "Idempotency-Key": key } });
}

Deno.test("A repeated call gets the first answer, whatever became of cart and prices; another request is refused", async () => {
  await using app = await startTestApp();
  const [user, other] = [await app.user(), await app.user()];
  const { id: productId, sku } = await addProduct(app);
  const body = { currency: "EUR", items: [{ sku, quantity: 2 }] };
  const first = await create(app, user.token, "k", body);
  assertEquals([first.status, first.headers.get("Idempotency-Replayed")], [201, null]);
  await app.request("PATCH", `/v1/carts/${first.body.id}`, { token: user.token, body: { note: "Changed" } });
  await app.deps.sql`update product_prices set amount = 1 where product_id = ${productId}`;
  const again = await create(app, user.token, "k", body);
  assertEquals([again.status, again.body, again.headers.get("Idempotency-Replayed")], [
    201,
    first.body,
    "true",
  ]);
  assertEquals([again.headers.get("ETag"), again.headers.get("Location")], [
    '"1"',
    `/v1/carts/${first.body.id}`,
  ]);
  // One that another process is writing just then is waited for.
  const { late } = await app.deps.sql.begin(async (tx) => {
    await tx`
      insert into idempotency_keys (actor, route, key, request_hash, response)
      select actor, route, 'late', request_hash, response from idempotency_keys`;
    const late = create(app, user.token, "late", body);
    await untilWaiting(tx);
    return { late };
  });
  assertEquals((await late).body, first.body);
  const reused = await create(app, user.token, "k", { ...body, note: "Other" });
  assertEquals([reused.status, reused.body.code], [422, "idempotency_key_reused"]);
  const theirs = await create(app, other.token, "k", body);
  assertEquals([theirs.status, theirs.body.user_id], [201, other.id]);
  assertEquals((await app.deps.sql`select from carts`).length, 2);
});

Deno.test("A hundred equal calls of two processes with one key are one cart with one event", async () => {
  await using app = await startTestApp();
  await using second = await startAnother(app);
  const user = await app.user();
  const { sku } = await addProduct(app);
  const body = { currency: "EUR", items: [{ sku, quantity: 2 }] };
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => create(i % 2 ? app : second, user.token, "k", body)),
  );
  assertEquals(tally(answers), { 201: 100 });
  assertEquals(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  assertEquals(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === null).length, 1);
  assertEquals((await app.deps.sql`select from carts`).length, 1);
  assertEquals((await eventsOf(app, "cart", answers[0]!.body.id)).length, 1);
});

Deno.test("Of different calls with one key at once one is taken; those of other keys beside them all are", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const answers = await Promise.all(
    Array.from(
      { length: 40 },
      (_, i) =>
        create(app, user.token, i % 2 ? "k" : `k${i}`, {
          currency: "EUR",
          items: [{ sku, quantity: i + 1 }],
        }),
    ),
  );
  assertEquals(tally(answers), { 201: 21, "422 idempotency_key_reused": 19 });
});

Deno.test("In one group each call gets its own cart, and a user who is not there refuses nobody else's", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const nobody = await app.deps.accessTokens.sign(
    { userId: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", role: "customer" },
    app.deps.clock.now(),
  );
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      app.request("POST", "/v1/carts", {
        token: [user.token, undefined, nobody][i % 3],
        body: { currency: "EUR", items: [{ sku, quantity: i + 1 }], note: `${i}` },
      })),
  );
  assertEquals(tally(answers), { 201: 40, "401 unauthenticated": 20 });
  for (const [i, { status, body }] of answers.entries()) {
    if (status === 201) assertEquals([body.note, body.items[0].quantity], [`${i}`, i + 1]);
  }
});

Deno.test("A guest's repeated call makes another cart, and no token is kept or told anywhere", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const body = { currency: "EUR", items: [{ sku, quantity: 2 }] };
  const [one, two] = [await create(app, undefined, "k", body), await create(app, undefined, "k", body)];
  assertNotEquals(one!.body.id, two!.body.id);
  assertNotEquals(one!.body.token, two!.body.token);
  const { sql } = app.deps;
  assertEquals((await sql`select from idempotency_keys`).length, 0);
  const [kept] = await sql`
    select (select json_agg(c)::text from carts c) as carts, (select json_agg(e)::text from events e) as events,
           (select encode(token_hash, 'hex') from carts where id = ${one!.body.id}) as hash`;
  assertEquals([kept!.carts, kept!.events].some((text) => text.includes(one!.body.token)), false);
  assertEquals([kept!.carts, kept!.events].map((text) => text.includes(kept!.hash)), [true, false]);
});
