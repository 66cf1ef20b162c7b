import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../support/app.ts";
import { addExport, fillCart, openBorders, quoted, tryCheckOut } from "../support/checkout.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { assertBooksBalance, levelOf } from "../support/orders.ts";
import { withConnection } from "../../tools/database_admin.ts";

/** Waits until so many statements that take a key wait for a lock. */
const waiting = ({ deps: { sql } }: TestApp, count: number) =>
  untilWaiting(sql, { count, text: "idempotency_keys" });

Deno.test("A key that another checkout is just using refuses the second cart's checkout, and leaves that cart and its quote open", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app);
  const first = await quoted(app, user, { [sku]: 1 });
  const second = await quoted(app, user, { [sku]: 2 });

  const answers = await withConnection(app.deps.config.databaseUrl, async (holder) => {
    const { pending } = await holder.begin(async (tx) => {
      await tx`select from carts where id = ${first.cart.id} for update`;
      const one = tryCheckOut(app, user, first.quote, {}, "the-one-key");
      await waiting(app, 1);
      const two = tryCheckOut(app, user, second.quote, {}, "the-one-key");
      await waiting(app, 2);
      return { pending: Promise.all([one, two]) };
    });
    return await pending;
  });
  assertEquals(answers.map(({ status }) => status), [201, 422]);
  const cart = await app.request("GET", `/v1/carts/${second.cart.id}`, { token: user.token });
  assertEquals([cart.body.status, cart.body.order_id], ["open", null]);
  const again = await tryCheckOut(app, user, second.quote, {}, "a-key-of-its-own");
  assertEquals(again.status, 201, JSON.stringify(again.body));
  assertEquals((await levelOf(app, sku)).reserved, 3);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A key that another quote is just using refuses to quote again, and leaves the cart the quote that it has", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const [{ sku }, other] = [await addExport(app), await addExport(app)];
  const first = await fillCart(app, user, { [sku]: 1 });
  const second = await quoted(app, user, { [other.sku]: 2 });
  const ask = (cartId: string) =>
    app.request("POST", `/v1/carts/${cartId}/quotes`, {
      token: user.token,
      body: { shipping_option: "standard" },
      headers: { "Idempotency-Key": "the-one-key" },
    });
  const answers = await withConnection(app.deps.config.databaseUrl, async (holder) => {
    const { pending } = await holder.begin(async (tx) => {
      await tx`select from carts where id = ${first.id} for update`;
      const one = ask(first.id);
      await waiting(app, 1);
      const two = ask(second.cart.id);
      await waiting(app, 2);
      return { pending: Promise.all([one, two]) };
    });
    return await pending;
  });
  assertEquals(answers.map(({ status }) => status), [201, 422]);
  const quote = await app.request("GET", `/v1/quotes/${second.quote.id}`, { token: user.token });
  assertEquals(quote.body.status, "open");
  assertEquals([(await levelOf(app, sku)).reserved, (await levelOf(app, other.sku)).reserved], [1, 2]);
  await assertBooksBalance(app.deps.sql);
});
