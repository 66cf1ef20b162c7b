import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport, askQuote, checkedOut, fillCart, openBorders } from "../../support/checkout.ts";

Deno.test("A cart that is closed says what became of it to whoever asks for a quote, as to whoever changes it", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app, { stock: 10, prices: { EUR: 1499 } });
  const { order } = await checkedOut(app, user, { [sku]: 1 });
  const [cart] = (await app.request("GET", "/v1/carts?status=checked_out", { token: user.token })).body.data;
  const changed = await app.request("POST", `/v1/carts/${cart.id}/items`, {
    token: user.token,
    body: { sku, quantity: 1 },
  });
  const quoted = await askQuote(app, user, cart.id);
  assertEquals([quoted.status, quoted.body.code], [409, "cart_closed"]);
  assertEquals([quoted.body.detail, quoted.body.errors], [changed.body.detail, changed.body.errors]);
  assertEquals(quoted.body.errors[0].order_id, order.id);

  const { id } = await fillCart(app, user, { [sku]: 1 });
  await app.deps.sql`update carts set status = 'expired' where id = ${id}`;
  const expired = await askQuote(app, user, id);
  assertEquals([expired.status, expired.body.errors[0].code], [409, "expired"]);
});
