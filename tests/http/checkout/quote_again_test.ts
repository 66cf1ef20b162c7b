import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport, fillCart, openBorders, quoted, tryCheckOut } from "../../support/checkout.ts";
import { assertBooksBalance, levelOf } from "../../support/orders.ts";

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
