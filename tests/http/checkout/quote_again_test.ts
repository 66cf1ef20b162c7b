import { systemCtx } from "../../../src/deps.ts";
import { expireDueCarts, expireDueQuotes } from "../../../src/quotes/mod.ts";
import { closeQuotes, insertQuotes, lockDueQuotes } from "../../../src/quotes/queries.ts";
import type { QuoteData } from "../../../src/quotes/quote.ts";
import { releaseQuotes } from "../../../src/quotes/release_quotes.ts";
import { isGuardBroken, transaction } from "../../../src/platform/db.ts";
import { newId } from "../../../src/platform/id.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders, quoted, tryCheckOut } from "../../support/checkout.ts";
import { countDeadlocks, untilWaiting } from "../../support/lock_waits.ts";
import { assertBooksBalance, eventsOf, levelOf, place, startAnother } from "../../support/orders.ts";

Deno.test("The same request for a newer quote, several times at once, gives one quote, and it can be used", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 3 });
  const { cart } = await quoted(app, user, { [sku]: 2 });
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      app.request("POST", `/v1/carts/${cart.id}/quotes`, {
        token: user.token,
        body: { shipping_option: "standard" },
        headers: { "Idempotency-Key": "again" },
      })),
  );
  assertEquals(answers.map(({ status }) => status), Array(8).fill(201));
  const [first] = answers;
  assertEquals(new Set(answers.map(({ body }) => body.id)).size, 1);
  const { body: quote } = await app.request("GET", `/v1/quotes/${first!.body.id}`, { token: user.token });
  assertEquals(quote.status, "open");
  assertEquals((await levelOf(app, sku)).reserved, 2);
  assertEquals((await tryCheckOut(app, user, quote)).status, 201);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("The same request for a cart's first quote, several times at once, gives one quote", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const [user, other] = [await app.user(), await app.user()];
  const { sku } = await addExport(app, { stock: 20 });
  const [cart, others] = [await fillCart(app, user, { [sku]: 2 }), await fillCart(app, other, { [sku]: 1 })];
  const ask = (token: string, cartId: string) =>
    app.request("POST", `/v1/carts/${cartId}/quotes`, {
      token,
      body: { shipping_option: "standard" },
      headers: { "Idempotency-Key": "first" },
    });
  const [bystander, ...answers] = await Promise.all([
    ask(other.token, others.id),
    ...Array.from({ length: 8 }, () => ask(user.token, cart.id)),
  ]);
  assertEquals(bystander.status, 201);
  assertEquals(answers.map(({ status }) => status), Array(8).fill(201));
  assertEquals(new Set(answers.map(({ body }) => body.id)).size, 1);
  assertEquals((await levelOf(app, sku)).reserved, 3);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A cart that is given up lets go of what its quote held, and the quote is over", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 3 });
  const { cart, quote } = await quoted(app, user, { [sku]: 2 });
  for (let again = 0; again < 2; again++) {
    const { status } = await app.request("DELETE", `/v1/carts/${cart.id}`, { token: user.token });
    assertEquals(status, 204);
  }
  assertEquals((await levelOf(app, sku)).reserved, 0);
  const { body } = await app.request("GET", `/v1/quotes/${quote.id}`, { token: user.token });
  assertEquals(body.status, "expired");
  assertEquals((await tryCheckOut(app, user, quote)).status, 409);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A cart that expires takes its quote along, whose stock is free again", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const { sku } = await addExport(app, { stock: 3 });
  const { cart, quote } = await quoted(app, await app.user(), { [sku]: 2 });
  await app.deps.sql`update carts set expires_at = now() - interval '1 minute' where id = ${cart.id}`;
  assertEquals((await expireDueCarts(systemCtx(app.deps, "carts.expire"))).expired, 1);
  assertEquals((await levelOf(app, sku)).reserved, 0);
  const [row] = await app.deps.sql`select status from quotes where id = ${quote.id}`;
  assertEquals(row!.status, "expired");
});

Deno.test("Carts that are quoted again beside orders of the same goods keep nobody waiting for each other", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const users = await Promise.all(Array.from({ length: 6 }, () => app.user()));
  const [a, b] = [
    await addExport(app, { sku: "AAA", stock: 10_000 }),
    await addExport(app, { sku: "BBB", stock: 10_000 }),
  ];
  for (let round = 0; round < 8; round++) {
    const carts = await Promise.all(users.map(async (user) => {
      const { cart } = await quoted(app, user, { [b.sku]: 1 });
      const added = { sku: a.sku, quantity: 1 };
      await app.request("POST", `/v1/carts/${cart.id}/items`, { token: user.token, body: added });
      return cart;
    }));
    const answers = await Promise.all(users.flatMap((user, i) => [
      askQuote(app, user, carts[i]!.id),
      place(app, user, { [a.sku]: 1, [b.sku]: 1 }, { shipping_option: "standard" }),
    ]));
    assertEquals(answers.map(({ status }) => status), users.flatMap(() => [201, "PENDING"]));
  }
  await assertBooksBalance(app.deps.sql);
  assertEquals(await countDeadlocks(app), 0);
});

Deno.test("A refused call for a newer quote leaves the cart's quote as it was, when its key is taken meanwhile", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 3 });
  const { cart, quote } = await quoted(app, user, { [sku]: 2 });
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  const { promise: waited, resolve: release } = Promise.withResolvers<void>();
  const other = app.deps.sql.begin(async (tx) => {
    await tx`
      insert into idempotency_keys (actor, route, key, request_hash, response)
      values (${`user:${user.id}`}, 'POST /v1/carts/{id}/quotes', 'one', ${"0".repeat(64)}, '{}')`;
    take();
    await waited;
  });
  await taken;
  const asked = app.request("POST", `/v1/carts/${cart.id}/quotes`, {
    token: user.token,
    body: { shipping_option: "standard" },
    headers: { "Idempotency-Key": "one" },
  });
  await untilWaiting(app.deps.sql);
  release();
  await other;
  const answer = await asked;
  assertEquals([answer.status, answer.body.code], [422, "idempotency_key_reused"]);
  const { body } = await app.request("GET", `/v1/quotes/${quote.id}`, { token: user.token });
  assertEquals(body.status, "open");
});

Deno.test("A cart whose quote holds the last units is not told that they are gone, and others are", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const [user, other] = [await app.user(), await app.user()];
  const { sku } = await addExport(app, { stock: 5 });
  const { cart } = await quoted(app, user, { [sku]: 4 });
  const read = async () => (await app.request("GET", `/v1/carts/${cart.id}`, { token: user.token })).body;
  const { items, problems } = await read();
  assertEquals([items[0].available, problems], [5, []]);

  const late = await fillCart(app, other, { [sku]: 2 });
  assertEquals(late.problems.map(({ code, available }: typeof late) => [code, available]), [["short", 1]]);

  // Changed since, it is quoted again with what its quote holds.
  const path = `/v1/carts/${cart.id}/items/${sku}`;
  const changed = await app.request("PUT", path, { token: user.token, body: { quantity: 5 } });
  assertEquals([changed.body.items[0].available, changed.body.problems], [5, []]);
  assertEquals((await askQuote(app, user, cart.id)).status, 201);
  assertEquals((await read()).problems, []);

  // Of quotes that are over nothing counts.
  await app.deps.sql`update quotes set expires_at = now() - interval '1 second' where status = 'open'`;
  await expireDueQuotes(systemCtx(app.deps, "quotes.expire"));
  assertEquals((await askQuote(app, other, late.id)).status, 201);
  const { items: [item], problems: [problem] } = await read();
  assertEquals([item.available, problem.code, problem.available], [3, "short", 3]);
});

Deno.test("A cart that changed after it was read is not quoted as it was", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 3 });
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const cart = await fillCart(app, user, { [sku]: 2 });
  const { status: _, order_id: __, ...data } = { ...quote, id: newId(), cart_id: cart.id, cart_version: 1 };
  const write = (quote: QuoteData) =>
    insertQuotes(app.deps.sql, [{ quote, actor: `user:${user.id}`, requestId: "test" }]);
  const error = await assertRejects(() => write({ ...data, cart_version: 2 }));
  assert(isGuardBroken(error), String(error));
  assertEquals((await levelOf(app, sku)).reserved, 1);
  assertEquals(await write(data), [true]);
});

Deno.test("Of two first quotes of a cart that two processes write at once one is open, and its units are held once", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 10 });
  const cart = await fillCart(app, user, { [sku]: 2 });
  const { asked } = await app.deps.sql.begin(async (tx) => {
    await tx`select id from carts where id = ${cart.id} for no key update`;
    const asked = Promise.all([askQuote(app, user, cart.id), askQuote(other, user, cart.id)]);
    await untilWaiting(tx, { count: 2 });
    return { asked };
  });
  assertEquals((await asked).map(({ status }) => status), [201, 201]);
  assertEquals((await levelOf(app, sku)).reserved, 2);
  const rows = await app.deps.sql`select status from quotes order by status`;
  assertEquals(rows.map(({ status }) => status), ["open", "superseded"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Who quotes a cart again waits for the cart first, and holds nothing that its checkout needs", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 10 });
  const { cart, quote } = await quoted(app, user, { [sku]: 2 });
  const { asked } = await app.deps.sql.begin(async (tx) => {
    await tx`set local lock_timeout = '1s'`;
    await tx`select id from carts where id = ${cart.id} for no key update`;
    const asked = askQuote(app, user, cart.id);
    await untilWaiting(tx);
    await tx`select id from quotes where id = ${quote.id} for no key update`;
    return { asked };
  });
  assertEquals((await asked).status, 201);
});

Deno.test("A quote that waits for the end of the cart's last one holds no stock, which that end may wait for", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 10 });
  const { quote } = await quoted(app, user, { [sku]: 2 });
  const { status: _, order_id: __, ...data } = { ...quote, id: newId() };
  const { writing } = await transaction(app.deps.sql, async (tx) => {
    await closeQuotes(tx, [quote.id], "expired");
    const writing = insertQuotes(app.deps.sql, [{
      quote: data,
      actor: `user:${user.id}`,
      requestId: "test",
    }]);
    await untilWaiting(tx);
    await tx`select from stock_levels where sku = ${sku} for no key update nowait`;
    return { writing };
  });
  assertEquals(await writing, [true]);
});

Deno.test("Who quotes a cart again takes the key before the cart, as whoever quotes it first does", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 10 });
  const { cart } = await quoted(app, user, { [sku]: 2 });
  const ask = (app: TestApp) =>
    app.request("POST", `/v1/carts/${cart.id}/quotes`, {
      token: user.token,
      body: { shipping_option: "standard" },
      headers: { "Idempotency-Key": "one" },
    });
  const { asked } = await app.deps.sql.begin(async (tx) => {
    await tx`select from carts where id = ${cart.id} for no key update`;
    const asked = Promise.all([ask(app), ask(other)]);
    await untilWaiting(tx, { text: "insert into idempotency_keys" });
    return { asked };
  });
  const [one, two] = await asked;
  assertEquals([one.status, one.body.id], [201, two.body.id]);
  assertEquals((await levelOf(app, sku)).reserved, 2);
});

/** What may end a cart's quote, how that should go, and what is held then. */
const ENDS: [string, (app: TestApp, user: TestUser, id: string) => Promise<unknown>, unknown, number][] = [
  ["is quoted again", async (app, user, id) => (await askQuote(app, user, id)).status, 201, 2],
  [
    "is given up",
    async (app, { token }, id) => (await app.request("DELETE", `/v1/carts/${id}`, { token })).status,
    204,
    0,
  ],
  [
    "expires",
    async (app, _, id) => {
      await app.deps.sql`update carts set expires_at = now() - interval '1 minute' where id = ${id}`;
      return (await expireDueCarts(systemCtx(app.deps, "carts.expire"))).expired;
    },
    1,
    0,
  ],
];
for (const [what, end, expected, reserved] of ENDS) {
  Deno.test(`A quote that expires while its cart ${what} is released once`, async () => {
    await using app = await startTestApp();
    await openBorders(app);
    const user = await app.user();
    const { sku } = await addExport(app, { stock: 10 });
    const { cart, quote } = await quoted(app, user, { [sku]: 2 });
    await app.deps.sql`update quotes set expires_at = now() - interval '1 second' where id = ${quote.id}`;
    const { ending } = await transaction(app.deps.sql, async (tx) => {
      const due = await lockDueQuotes(tx, [quote.id]);
      const ending = end(app, user, cart.id);
      await untilWaiting(tx);
      await releaseQuotes(tx, systemCtx(app.deps, "quotes.expire"), due, "expired");
      return { ending };
    });
    assertEquals(await ending, expected);
    assertEquals((await levelOf(app, sku)).reserved, reserved);
    const events = await eventsOf(app, "quote", quote.id);
    assertEquals(events.map(({ type, data }) => [type, data.status]).at(-1), ["quote.released", "expired"]);
    assertEquals(events.length, 2);
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("A cart that is given up while it is quoted waits for the quote, and takes it along", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 3 });
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const cart = await fillCart(app, user, { [sku]: 1 });
  const { status: _, order_id: __, ...known } = quote;
  const data: QuoteData = { ...known, id: newId(), cart_id: cart.id, cart_version: cart.version };
  const { ending } = await transaction(app.deps.sql, async (tx) => {
    await insertQuotes(tx, [{ quote: data, actor: `user:${user.id}`, requestId: "test" }]);
    const ending = app.request("DELETE", `/v1/carts/${cart.id}`, { token: user.token });
    await untilWaiting(tx);
    return { ending };
  });
  assertEquals((await ending).status, 204);
  assertEquals((await levelOf(app, sku)).reserved, 1);
  const { body } = await app.request("GET", `/v1/quotes/${data.id}`, { token: user.token });
  assertEquals(body.status, "expired");
});

Deno.test("A newer quote frees the stock of the older one before it holds its own, also by the times of the events", async () => {
  const start = Date.now();
  let looks = 0;
  await using app = await startTestApp({}, { clock: { now: () => new Date(start + looks++) } });
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 100 });
  const user = await app.user();
  const cart = { currency: "EUR", destination: "DE", items: [{ sku, quantity: 3 }] };
  const { body: { id } } = await app.request("POST", "/v1/carts", { token: user.token, body: cart });
  for (let quoted = 0; quoted < 3; quoted++) {
    const body = { shipping_option: "standard" };
    const { status } = await app.request("POST", `/v1/carts/${id}/quotes`, { token: user.token, body });
    assertEquals(status, 201);
  }
  const events = await app.deps.sql`
    select data->>'kind' as kind, occurred_at from events where type = 'inventory.updated' order by position`;
  assertEquals(events.map(({ kind }) => kind), [
    "reservation",
    "release",
    "reservation",
    "release",
    "reservation",
  ]);
  const times = events.map(({ occurred_at }) => occurred_at);
  assertEquals(times, times.toSorted());
});
